// Question: the beginning of the bytes that an app was sent and has not answered, on a pipe that is only copied. It is
// parsed only if the app ends without an answer, or its visitor gives up, so that other streams cost one copy of their
// heads. Pure.
#pragma once

#include <optional>
#include <string>

#include "agent/forward/http_pass.h"
#include "agent/rules.h"
#include "base/bytes.h"

namespace tenfold {

class Question {
 public:
  void add(Bytes bytes);
  void clear();
  bool empty() const { return size_ == 0; }

  // Whether it is an HTTP request, not another protocol.
  bool is_request() const { return read().has_value(); }
  // The request, even if the app has only a part of it.
  std::optional<HttpPass::Asked> asked() const;
  // The request if the app has all of it, as far as that is known: a paused upload is not the app's fault.
  std::optional<HttpPass::Asked> whole() const;

 private:
  struct Reading {
    HttpPass::Asked asked;
    bool whole;
  };
  std::optional<Reading> read() const;

  std::string text_;      // the first rules::question_kept bytes
  std::size_t size_ = 0;  // of all bytes
};

}  // namespace tenfold
