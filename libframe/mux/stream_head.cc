#include "mux/stream_head.h"

#include "base/limits.h"

namespace tenfold {

namespace {

constexpr std::size_t most_kept = 64;  // opens that an idle link keeps the room of

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
  }
  return true;
}

ErrorKind StreamHead::cause() const {
  if (cause_ != ErrorKind::none) return cause_;
  return status_ == 504 ? ErrorKind::timeout : ErrorKind::refused;
}

std::uint32_t Opens::add(const StreamHead& head) {
  if (used_ == opens_.size()) opens_.emplace_back();
  Open& open = opens_[used_];
  open.name = head.name();
  open.peer = head.peer();
  open.good = head.opens();
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
  head.fields_[0] = {":status", cause == ErrorKind::timeout ? "504" : "502", H2Field::Stays::all};
  head.fields_[1] = {cause_field, cause_word(cause), H2Field::Stays::all};
  head.size_ = 2;
  return head;
}

std::string_view cause_word(ErrorKind cause) {
  switch (cause) {
    case ErrorKind::timeout: return "timeout";
    case ErrorKind::dns: return "dns";
    case ErrorKind::tls: return "tls";
    case ErrorKind::limit: return "busy";
    default: return "refused";
  }
}

}  // namespace tenfold
