// StreamHead: the fields of one HEADERS, as they come out of HPACK, reduced to what a link needs of
// them: who an open is for, or how it was answered. What makes a list of fields well formed is nghttp2's
// part; what it may weigh and whether it says something that tenfold/1 knows is decided here. Pure.
//
//   head.start();
//   while (fields) if (!head.take(name, value)) -> too heavy: the link ends
//   if (head.opens()) … head.name(), head.peer()
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tenfold {

inline constexpr std::string_view peer_field = "tenfold-peer";
inline constexpr std::string_view cause_field = "tenfold-cause";

class StreamHead {
 public:
  void start();

  // False as soon as the list weighs more than limits::link_header_list; the rest is not taken.
  bool take(std::string_view name, std::string_view value);

  // An open: CONNECT, with an :authority and a peer of bearable length.
  bool opens() const { return connect_ && !name_.empty() && !bad_; }
  const std::string& name() const { return name_; }
  const std::string& peer() const { return peer_; }

  // An answer: `:status`; 0 when there was none, as in trailers.
  int status() const { return status_; }
  // What an answer other than 200 means: `tenfold-cause`, or what the status says without it.
  ErrorKind cause() const;

 private:
  std::size_t weight_ = 0;             // name + value + 32 of each field so far, RFC 9113 6.5.2
  std::string name_;                   // :authority
  std::string peer_;                   // tenfold-peer
  ErrorKind cause_ = ErrorKind::none;  // tenfold-cause
  int status_ = 0;
  bool connect_ = false;  // :method is CONNECT
  bool bad_ = false;      // too long, or there twice
};

// The word for a refusal's cause, as `tenfold-cause` carries it: refused, timeout, dns or tls.
std::string_view cause_word(ErrorKind cause);

}  // namespace tenfold
