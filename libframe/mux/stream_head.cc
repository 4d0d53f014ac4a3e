#include "mux/stream_head.h"

#include <algorithm>
#include <charconv>

#include "base/limits.h"

namespace tenfold {

namespace {

constexpr std::size_t most_kept = 64;  // opens that an idle link keeps the room of

// RFC 9110 15.5.20: "The 421 (Misdirected Request) status code indicates that the request was directed at a server that
// is unable or unwilling to produce an authoritative response for the target URI."
std::string_view refusal_status(ErrorKind cause) {
  switch (cause) {
    case ErrorKind::timeout: return "504";
    case ErrorKind::absent:
    case ErrorKind::denied: return "421";
    case ErrorKind::silent: return "503";
    default: return "502";
  }
}

int parse_status(std::string_view text) {
  int status = 0;
  for (const char c : text) status = status * 10 + (c - '0');  // nghttp2 let three digits through, nothing else
  return status;
}

}  // namespace

void StreamHead::start() {
  weight_ = 0;
  name_.clear();
  peer_.clear();
  cause_ = ErrorKind::none;
  status_ = 0;
  connect_ = false;
  bad_ = false;
  hop_ = false;
  policy_.reset();
}

bool StreamHead::take(std::string_view name, std::string_view value) {
  weight_ += field_weight(name, value);
  if (weight_ > limits::link_header_list) return false;
  const auto keep = [&](std::string& into) {
    if (!into.empty() || value.size() > limits::link_target_bytes) {
      bad_ = true;
    } else {
      into = value;
    }
  };
  if (name == ":method") {
    connect_ = value == "CONNECT";
  } else if (name == ":authority") {
    keep(name_);
  } else if (name == peer_field) {
    keep(peer_);
  } else if (name == ":status") {
    status_ = parse_status(value);
  } else if (name == cause_field) {
    for (const ErrorKind cause : {ErrorKind::timeout, ErrorKind::dns, ErrorKind::tls, ErrorKind::limit}) {
      if (value == cause_word(cause)) cause_ = cause;
    }
    if (peers_) take_peers_cause(value);
  } else if (peers_) {
    take_of_peer(name, value);
  }
  return true;
}

void StreamHead::take_peers_cause(std::string_view word) {
  for (const ErrorKind cause : {ErrorKind::absent, ErrorKind::denied, ErrorKind::silent}) {
    if (word == cause_word(cause)) cause_ = cause;
  }
}

void StreamHead::take_of_peer(std::string_view name, std::string_view value) {
  if (name == hop_field) {
    bad_ = bad_ || hop_;
    hop_ = value == "1";
  } else if (name == policy_field) {
    bad_ = bad_ || policy_;
    policy_ = PolicyDigits::read(value);
  }
}

ErrorKind StreamHead::cause() const {
  const bool of_peer = cause_ == ErrorKind::absent || cause_ == ErrorKind::denied || cause_ == ErrorKind::silent;
  if (cause_ != ErrorKind::none && (!of_peer || status_ == (cause_ == ErrorKind::silent ? 503 : 421))) return cause_;
  return status_ == 504 ? ErrorKind::timeout : ErrorKind::refused;
}

std::uint32_t Opens::add(const StreamHead& head) {
  if (used_ == opens_.size()) opens_.emplace_back();
  Open& open = opens_[used_];
  open.name = head.name();
  open.peer = head.peer();
  open.policy = head.policy();
  open.good = head.opens();
  open.hops = head.hops();
  return static_cast<std::uint32_t>(used_++);
}

void Opens::trim() {
  if (used_ == 0 && opens_.size() > most_kept) opens_ = {};
}

HeadFields HeadFields::open(std::string_view name, std::string_view peer) {
  HeadFields head;
  head.fields_[0] = {":method", "CONNECT", H2Field::Stays::all};
  head.fields_[1] = {":authority", name, H2Field::Stays::name};
  head.fields_[2] = {peer_field, peer, H2Field::Stays::name, true};
  head.size_ = peer.empty() ? 2 : 3;
  return head;
}

HeadFields HeadFields::accept() {
  HeadFields head;
  head.fields_[0] = {":status", "200", H2Field::Stays::all};
  head.size_ = 1;
  return head;
}

HeadFields HeadFields::refusal(ErrorKind cause) {
  HeadFields head;
  head.fields_[0] = {":status", refusal_status(cause), H2Field::Stays::all};
  head.fields_[1] = {cause_field, cause_word(cause), H2Field::Stays::all};
  head.size_ = 2;
  return head;
}

void HeadFields::add_hop(std::string_view policy_digits) {
  fields_[size_++] = {hop_field, "1", H2Field::Stays::all};
  fields_[size_++] = {policy_field, policy_digits, H2Field::Stays::name};
}

std::string_view PolicyDigits::write(std::uint64_t policy) {
  text_.fill('0');
  char digits[16];
  const char* const end = std::to_chars(digits, digits + sizeof digits, policy, 16).ptr;
  std::copy_backward(static_cast<const char*>(digits), end, text_.end());
  return {text_.data(), text_.size()};
}

std::optional<std::uint64_t> PolicyDigits::read(std::string_view digits) {
  std::uint64_t policy = 0;
  const char* const end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, policy, 16);
  if (digits.size() != 16 || error != std::errc{} || rest != end) return {};
  return policy;
}

std::string_view cause_word(ErrorKind cause) {
  switch (cause) {
    case ErrorKind::timeout: return "timeout";
    case ErrorKind::dns: return "dns";
    case ErrorKind::tls: return "tls";
    case ErrorKind::limit: return "busy";
    case ErrorKind::absent: return "not-here";
    case ErrorKind::denied: return "stale";
    case ErrorKind::silent: return "agent-away";
    default: return "refused";
  }
}

}  // namespace tenfold
