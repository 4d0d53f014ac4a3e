// ReplyGuard: reads ahead of the codec what a registry's reply announces, so that one that is too large, too deep or no
// reply at all is refused before any of it is kept. It holds no bytes itself.
//
//   const std::size_t good = guard.check(bytes);   // these may go to the codec
//   if (good != bytes.size()) fail(guard.error());
//
// Source: the RESP2 specification: `+` and `-` lines, `:` integers, `$` bulk strings, `*` arrays. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"
#include "broker/rules.h"

namespace tenfold::broker {

class ReplyGuard {
 public:
  // How many of the bytes belong to replies within the limits. Not to be called after an error.
  std::size_t check(Bytes bytes);

  // Kinds: protocol, limit.
  const Error& error() const { return error_; }

 private:
  //             $n            n bytes
  //   line -----------> bulk ---------> bulk_end -> line
  enum class State : std::uint8_t { line, bulk, bulk_end };

  bool take_line_octet(std::uint8_t octet);
  bool take_end_octet(std::uint8_t octet);
  bool finish_line();
  bool announce_bulk(std::int64_t size);
  bool announce_items(std::int64_t count);
  void finish_value();
  bool fail(ErrorKind kind, const char* why);

  State state_ = State::line;
  char type_ = 0;                                                // the line's first octet
  std::size_t line_ = 0;                                         // octets of the line so far, its end included
  bool cr_ = false;                                              // the line's, or the bulk's, CR has come
  std::array<char, 24> number_{};                                // what follows `:`, `$` and `*`
  std::size_t digits_ = 0;                                       // ... how much of it
  std::size_t bulk_left_ = 0;                                    // octets of the bulk string that are still to come
  std::size_t reply_bytes_ = 0;                                  // announced by this reply
  std::size_t reply_items_ = 0;                                  // ... likewise
  std::array<std::size_t, rules::registry_reply_depth> left_{};  // items to come of each open array
  std::size_t depth_ = 0;                                        // open arrays
  Error error_;
};

}  // namespace tenfold::broker
