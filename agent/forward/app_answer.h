// AppAnswer: the beginning and the size of an app's answer on a pipe that is only copied. It is parsed only when the
// app's connection ends, so that a normal answer costs one copy of its head. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "agent/rules.h"
#include "base/bytes.h"

namespace tenfold {

class AppAnswer {
 public:
  void add(Bytes bytes);
  void clear();
  bool empty() const { return size_ == 0; }
  std::uint64_t size() const { return size_; }

  // Whether its framing shows that the answer is incomplete. Counted as complete, because this cannot be known: a head
  // longer than what is kept, an answer that ends with its connection, and chunks after any empty line. `reset`: the
  // connection was reset.
  bool is_cut(bool to_head, bool reset) const;

 private:
  std::string text_;         // the first rules::question_kept bytes
  std::string last_;         // the last few bytes
  std::uint64_t size_ = 0;   // of all bytes
  std::uint64_t ended_ = 0;  // size_ when its bytes last ended with an empty line, as the last chunk does
};

}  // namespace tenfold
