// HeadBuffers: the buffers for reading and writing heads, lent for one message at a time. Idle connections hold none,
// and busy ones allocate none.
//
//   std::string text = buffers.take_text();   // empty, with room for a usual head
//   buffers.put(std::move(text));             // too large a one is freed: limits::head_buffer_kept
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "http/head.h"

namespace tenfold::http1 {

class HeadBuffers {
 public:
  std::string take_text() { return take(texts_, usual_text); }
  http::Fields take_fields() { return take(fields_, usual_fields); }

  void put(std::string text) { keep(texts_, std::move(text), limits::head_buffer_kept); }
  void put(http::Fields fields) { keep(fields_, std::move(fields), limits::head_buffer_kept / sizeof(http::Field)); }

 private:
  static constexpr std::size_t usual_text = 1024;
  static constexpr std::size_t usual_fields = 16;

  template <typename Buffer>
  static Buffer take(std::vector<Buffer>& shelf, std::size_t usual) {
    Buffer buffer;
    if (shelf.empty()) {
      buffer.reserve(usual);
    } else {
      buffer = std::move(shelf.back());
      shelf.pop_back();
    }
    return buffer;
  }

  template <typename Buffer>
  static void keep(std::vector<Buffer>& shelf, Buffer buffer, std::size_t most) {
    if (buffer.capacity() > most || shelf.size() >= limits::head_buffers_kept) return;
    buffer.clear();
    shelf.push_back(std::move(buffer));
  }

  std::vector<std::string> texts_;
  std::vector<http::Fields> fields_;
};

}  // namespace tenfold::http1
