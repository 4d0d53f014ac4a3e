#include "http2/stream_head.h"

#include "base/limits.h"

namespace tenfold {

namespace {

constexpr std::size_t field_overhead = 32;  // RFC 9113 6.5.2

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
  // RFC 9113 6.5.2: "The value is based on the uncompressed size of field lines, including the length of the
  // name and value in units of octets plus an overhead of 32 octets for each field line."
  weight_ += name.size() + value.size() + field_overhead;
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
    for (const ErrorKind cause : {ErrorKind::timeout, ErrorKind::dns, ErrorKind::tls}) {
      if (value == cause_word(cause)) cause_ = cause;
    }
  }
  return true;
}

ErrorKind StreamHead::cause() const {
  if (cause_ != ErrorKind::none) return cause_;
  return status_ == 504 ? ErrorKind::timeout : ErrorKind::refused;
}

std::string_view cause_word(ErrorKind cause) {
  switch (cause) {
    case ErrorKind::timeout: return "timeout";
    case ErrorKind::dns: return "dns";
    case ErrorKind::tls: return "tls";
    default: return "refused";
  }
}

}  // namespace tenfold
