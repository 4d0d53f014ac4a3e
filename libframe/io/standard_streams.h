// Standard streams: descriptors 0, 1 and 2 as the process received them. For main(), before any other file is opened.
#pragma once

namespace tenfold {

// Opens /dev/null for each of the three that is closed. Otherwise the next socket or file gets its number, and messages
// on stderr would go to a visitor.
void open_closed_streams();

// Whether both refer to the same file, pipe or terminal: their lines then need one queue to keep their order.
bool same_file(int fd, int other);

}  // namespace tenfold
