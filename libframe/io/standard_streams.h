// Standard streams: descriptors 0, 1 and 2 as the process was given them. For main(), before anything else is opened.
#pragma once

namespace tenfold {

// Leads each of the three that is closed to /dev/null. Otherwise the next socket or file gets its number, and lines for
// people go to a visitor.
void open_closed_streams();

// Whether both lead to the same file, pipe or terminal: lines for them then belong in one queue, to keep their order.
bool same_file(int fd, int other);

}  // namespace tenfold
