// Question: the beginning of what an app was sent and owes an answer to, of a pipe that is only copied. It is kept as
// it came and read only when the app ends without a word, or its visitor gives up, so that a stream to which neither
// happens costs a copy of its heads. Pure.
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

  // Whether it is a request of HTTP, and not some other protocol's bytes.
  bool is_request() const { return read().has_value(); }
  // What it asks for, however much of it the app has.
  std::optional<HttpPass::Asked> asked() const;
  // That request, if the app has all of it, as far as can be said: an upload that its visitor pauses is no reason to
  // blame the app.
  std::optional<HttpPass::Asked> whole() const;

 private:
  struct Reading {
    HttpPass::Asked asked;
    bool whole;
  };
  std::optional<Reading> read() const;

  std::string text_;      // its first rules::question_kept bytes
  std::size_t size_ = 0;  // of all of it
};

}  // namespace tenfold
