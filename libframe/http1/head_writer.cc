// Writes a head as bytes; heads are never forwarded raw. The asserts hold that no part of the input can end a line or a
// head early.
#include "http1/head_writer.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>

#include "http/octets.h"
#include "http/page.h"

namespace tenfold::http1 {

void HeadWriter::request_line(std::string_view method, std::string_view target) {
  assert(http::is_token(method));
  assert(!target.empty() && http::is_target(target));
  out_.append(method).append(1, ' ').append(target).append(" HTTP/1.1\r\n");
}

void HeadWriter::status_line(int status, std::string_view reason) {
  assert(status >= 100 && status <= 599);
  if (reason.empty()) reason = http::reason_phrase(status);
  assert(http::is_text(reason));
  const char digits[3] = {static_cast<char>('0' + status / 100), static_cast<char>('0' + status / 10 % 10),
                          static_cast<char>('0' + status % 10)};
  // RFC 9112 4: "A server MUST send the space that separates the status-code from the
  // reason-phrase even when the reason-phrase is absent".
  out_.append("HTTP/1.1 ").append(digits, 3).append(1, ' ').append(reason).append("\r\n");
}

void HeadWriter::field(std::string_view name, std::string_view value) {
  assert(http::is_token(name));
  assert(http::is_text(value));
  // Most fields are short: one append in place of four.
  std::array<char, 256> line;
  if (name.size() + value.size() + 4 > line.size()) {
    out_.append(name).append(": ").append(value).append("\r\n");
    return;
  }
  char* at = std::copy(name.begin(), name.end(), line.data());
  at = std::copy_n(": ", 2, at);
  at = std::copy(value.begin(), value.end(), at);
  at = std::copy_n("\r\n", 2, at);
  out_.append(line.data(), at);
}

void HeadWriter::field(std::string_view name, std::uint64_t value) {
  char digits[20];
  const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, value);
  field(name, std::string_view(digits, static_cast<std::size_t>(end.ptr - digits)));
}

void HeadWriter::keep_alive(std::chrono::seconds timeout) {
  out_ += "Keep-Alive: timeout=";
  char digits[20];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, timeout.count());
  assert(error == std::errc{});
  out_.append(digits, end);
  out_ += "\r\n";
}

void HeadWriter::end() { out_.append("\r\n"); }

ChunkHead::ChunkHead(std::uint64_t size) {
  assert(size > 0);  // a chunk of size 0 would end the body
  char* const first = reinterpret_cast<char*>(text_.data());
  char* const last = std::to_chars(first, first + 16, size, 16).ptr;
  std::copy_n("\r\n", 2, last);
  length_ = static_cast<std::size_t>(last - first) + 2;
}

}  // namespace tenfold::http1
