#include "broker/cluster/reply_guard.h"

#include <algorithm>
#include <charconv>

namespace tenfold::broker {

std::size_t ReplyGuard::check(Bytes bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (state_ == State::bulk) {
      const std::size_t n = std::min(bulk_left_, bytes.size() - at);
      at += n;
      bulk_left_ -= n;
      if (bulk_left_ == 0) state_ = State::bulk_end;
    } else if (state_ == State::line ? take_line_octet(bytes[at]) : take_end_octet(bytes[at])) {
      ++at;
    } else {
      return at;
    }
  }
  return at;
}

bool ReplyGuard::take_line_octet(std::uint8_t octet) {
  ++line_;
  if (++reply_bytes_ > rules::registry_reply_bytes) return fail(ErrorKind::limit, "a reply is too large");
  if (line_ > rules::registry_line_bytes) return fail(ErrorKind::limit, "a reply's line is too long");
  if (line_ == 1) {
    type_ = static_cast<char>(octet);
    digits_ = 0;
    const bool known = type_ == '+' || type_ == '-' || type_ == ':' || type_ == '$' || type_ == '*';
    return known || fail(ErrorKind::protocol, "this is no reply of Redis");
  }
  if (cr_) return octet == '\n' ? finish_line() : fail(ErrorKind::protocol, "a reply's line has a lone CR");
  if (octet == '\n') return fail(ErrorKind::protocol, "a reply's line has a lone LF");
  if (octet == '\r') return cr_ = true;
  if (type_ == '+' || type_ == '-') return true;
  if (digits_ == number_.size()) return fail(ErrorKind::protocol, "a reply's number is too long");
  number_[digits_++] = static_cast<char>(octet);
  return true;
}

bool ReplyGuard::finish_line() {
  cr_ = false;
  line_ = 0;
  if (type_ == '+' || type_ == '-') return finish_value(), true;
  std::int64_t number = 0;
  const auto [stop, failed] = std::from_chars(number_.data(), number_.data() + digits_, number);
  if (failed != std::errc{} || stop != number_.data() + digits_) {
    return fail(ErrorKind::protocol, "a reply's number is none");
  }
  if (type_ == '$') return announce_bulk(number);
  if (type_ == '*') return announce_items(number);
  return finish_value(), true;
}

bool ReplyGuard::announce_bulk(std::int64_t size) {
  if (size == -1) return finish_value(), true;
  if (size < 0) return fail(ErrorKind::protocol, "a reply's length is negative");
  if (static_cast<std::uint64_t>(size) > rules::registry_reply_bytes - reply_bytes_) {
    return fail(ErrorKind::limit, "a reply is too large");
  }
  reply_bytes_ += static_cast<std::size_t>(size);
  bulk_left_ = static_cast<std::size_t>(size);
  state_ = size == 0 ? State::bulk_end : State::bulk;
  return true;
}

bool ReplyGuard::announce_items(std::int64_t count) {
  if (count == -1 || count == 0) return finish_value(), true;
  if (count < 0) return fail(ErrorKind::protocol, "a reply's count is negative");
  if (static_cast<std::uint64_t>(count) > rules::registry_reply_items - reply_items_) {
    return fail(ErrorKind::limit, "a reply has too many items");
  }
  if (depth_ == left_.size()) return fail(ErrorKind::limit, "a reply is nested too deep");
  reply_items_ += static_cast<std::size_t>(count);
  left_[depth_++] = static_cast<std::size_t>(count);
  return true;
}

bool ReplyGuard::take_end_octet(std::uint8_t octet) {
  if (octet != (cr_ ? '\n' : '\r')) return fail(ErrorKind::protocol, "a reply's string has no end");
  cr_ = !cr_;
  if (cr_) return true;
  state_ = State::line;
  finish_value();
  return true;
}

void ReplyGuard::finish_value() {
  while (depth_ != 0 && --left_[depth_ - 1] == 0) --depth_;
  if (depth_ != 0) return;
  reply_bytes_ = 0;
  reply_items_ = 0;
}

bool ReplyGuard::fail(ErrorKind kind, const char* why) {
  error_ = {kind, why, Origin::registry};
  return false;
}

}  // namespace tenfold::broker
