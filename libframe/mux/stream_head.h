// StreamHead: the fields of one HEADERS, as they come out of HPACK, reduced to what a link needs of
// them: who an open is for, or how it was answered. What makes a list of fields well formed is nghttp2's
// part; what it may weigh and whether it says something that tenfold/1 knows is decided here. HeadFields is the other
// direction: the fields of an open, of its acceptance and of its refusal. Pure.
//
//   head.start();
//   while (fields) if (!head.take(name, value)) -> too heavy: the link ends
//   if (head.opens()) … head.name(), head.peer()
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http2/nghttp2_glue.h"

namespace tenfold {

inline constexpr std::string_view peer_field = "tenfold-peer";
inline constexpr std::string_view cause_field = "tenfold-cause";
inline constexpr std::string_view hop_field = "tenfold-hop";
inline constexpr std::string_view policy_field = "tenfold-policy";

// The version of a tunnel's rules as its field carries it: 16 hexadecimal digits.
class PolicyDigits {
 public:
  // The view is good as long as this object.
  std::string_view write(std::uint64_t policy);
  static std::optional<std::uint64_t> read(std::string_view digits);

 private:
  std::array<char, 16> text_;
};

class StreamHead {
 public:
  // `peers`: of a link between replicas (LinkOptions::peers).
  explicit StreamHead(bool peers = false) : peers_(peers) {}

  void start();

  // False as soon as the list weighs more than limits::link_header_list; the rest is not taken.
  bool take(std::string_view name, std::string_view value);

  // An open: CONNECT, with an :authority and a peer of bearable length.
  bool opens() const { return connect_ && !name_.empty() && !bad_; }
  const std::string& name() const { return name_; }
  const std::string& peer() const { return peer_; }
  // It says that it is one hop from a replica, and which rules that has checked. Never on another kind of link.
  bool hops() const { return hop_ && policy_.has_value(); }
  std::uint64_t policy() const { return policy_.value_or(0); }

  // An answer: `:status`; 0 when there was none, as in trailers.
  int status() const { return status_; }
  // What an answer other than 200 means: `tenfold-cause`, or what the status says without it.
  ErrorKind cause() const;

 private:
  void take_of_peer(std::string_view name, std::string_view value);
  void take_peers_cause(std::string_view word);

  const bool peers_;
  std::size_t weight_ = 0;             // name + value + 32 of each field so far, RFC 9113 6.5.2
  std::string name_;                   // :authority
  std::string peer_;                   // tenfold-peer
  ErrorKind cause_ = ErrorKind::none;  // tenfold-cause
  int status_ = 0;
  bool connect_ = false;                 // :method is CONNECT
  bool bad_ = false;                     // too long, or there twice
  bool hop_ = false;                     // tenfold-hop is 1
  std::optional<std::uint64_t> policy_;  // tenfold-policy
};

// The opens that came and are not handled yet. A burst of them is kept in the strings of the last one.
class Opens {
 public:
  struct Open {
    std::string name;
    std::string peer;
    std::uint64_t policy = 0;
    bool good = false;  // otherwise it is no CONNECT that tenfold/1 knows
    bool hops = false;  // StreamHead::hops()
  };

  // Its place.
  std::uint32_t add(const StreamHead& head);
  const Open& at(std::uint32_t place) const { return opens_[place]; }
  void clear() { used_ = 0; }
  // Gives back what a burst made it grow to.
  void trim();

 private:
  std::vector<Open> opens_;
  std::size_t used_ = 0;
};

// What an agent's answer says, as the value of an H2Event.
struct Answered {
  int status = 0;  // 0: trailers
  ErrorKind cause = ErrorKind::none;

  std::uint32_t pack() const { return static_cast<std::uint32_t>(status) | static_cast<std::uint32_t>(cause) << 16; }
  static Answered unpack(std::uint32_t value) {
    return {static_cast<int>(value & 0xffff), static_cast<ErrorKind>(value >> 16)};
  }
};

// A head of the link, to send. The views must last until it was submitted.
class HeadFields {
 public:
  static HeadFields open(std::string_view name, std::string_view peer);
  static HeadFields accept();
  static HeadFields refusal(ErrorKind cause);
  // Of an open between replicas.
  void add_hop(std::string_view policy_digits);

  std::span<const H2Field> span() const { return {fields_.data(), size_}; }

 private:
  std::array<H2Field, 5> fields_{};
  std::size_t size_ = 0;
};

// The word for a refusal's cause, as `tenfold-cause` carries it: refused, timeout, dns, tls, or busy (limit): the agent
// itself has nothing to spare. Between replicas also not-here (absent) and stale (denied), with the status 421, and
// agent-away (silent), with 503.
std::string_view cause_word(ErrorKind cause);

}  // namespace tenfold
