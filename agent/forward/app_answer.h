// AppAnswer: the beginning of an app's answer, and how much came of it, of a pipe that is only copied. It is read only
// when the app's connection ends, so that an answer that ended before costs a copy of its head. Pure.
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

  // Whether its framing says that more was to come, as far as can be said: a head that is too long for what is kept,
  // an answer that ends with its connection, and chunks behind any empty line may be whole. `reset`: the connection
  // was.
  bool is_cut(bool to_head, bool reset) const;

 private:
  std::string text_;         // the first rules::question_kept bytes
  std::string last_;         // the last few
  std::uint64_t size_ = 0;   // of all
  std::uint64_t ended_ = 0;  // size_ when an empty line last stood at its end, as at that of chunks
};

}  // namespace tenfold
