// The access log's line of one request: a JSON object. docs/OPERATING.md, "Access log", lists its fields.
//
// Nothing secret stands in it: no field of the request's head, and of a request to the broker itself, where a client
// may show its token, neither a query nor a path other than the broker's own.
#pragma once

#include <cstddef>
#include <string_view>

#include "broker/app/request_record.h"
#include "broker/rules.h"

namespace tenfold::broker {

// Beyond the longest line: each byte of a path becomes three at most.
inline constexpr std::size_t access_line_most = 3 * rules::access_target + 2 * rules::KiB;

// Writes the line, its end included, to `out`, which has room for access_line_most bytes; returns its end. `second`:
// of the record's end, as "2026-01-31T12:00:01", `millisecond` of it from 0 to 999. `query`: whether the path has its
// query.
char* write_access_line(char* out, const RequestRecord& record, std::string_view second, unsigned millisecond,
                        bool query);

}  // namespace tenfold::broker
