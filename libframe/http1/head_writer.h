// Heads and chunks as bytes. All parts of a head are checked here again: a name or a value that could split a head is a
// bug of ours, and asserts.
//
//   HeadWriter head(out);              // appends to `out`, a std::string that is kept and reused
//   head.request_line("GET", "/");
//   head.field("Host", "app.local");
//   head.end();
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "http/head.h"

namespace tenfold::http1 {

class HeadWriter {
 public:
  explicit HeadWriter(std::string& out) : out_(out) {}

  void request_line(std::string_view method, std::string_view target);  // HTTP/1.1
  void status_line(int status, std::string_view reason);  // HTTP/1.1; an empty reason becomes the standard one
  void field(std::string_view name, std::string_view value);
  void field(std::string_view name, std::uint64_t value);
  // `Keep-Alive: timeout=…`, defined by RFC 2068 19.7.1.1 and honoured by clients.
  void keep_alive(std::chrono::seconds timeout);
  void end();

 private:
  std::string& out_;
};

// The line before a chunk of `size` bytes (size > 0); the chunk's payload and "\r\n" follow.
class ChunkHead {
 public:
  explicit ChunkHead(std::uint64_t size);
  Bytes bytes() const { return {text_.data(), length_}; }

 private:
  std::array<std::uint8_t, 18> text_;
  std::size_t length_;
};

inline constexpr std::string_view chunk_end = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n";  // then trailers, then "\r\n"

}  // namespace tenfold::http1
