#include "agent/forward/app_answer.h"

#include <algorithm>

#include "agent/rules.h"
#include "http1/answer_guess.h"
#include "http1/body_framing.h"
#include "http1/head_reader.h"

namespace tenfold {
namespace {

constexpr std::string_view empty_line = "\r\n\r\n";

}  // namespace

void AppAnswer::add(Bytes bytes) {
  size_ += bytes.size();
  text_ += to_text(bytes.first(std::min(bytes.size(), rules::question_kept - text_.size())));
  if (bytes.size() >= empty_line.size()) last_.clear();
  last_ += to_text(bytes.last(std::min(bytes.size(), empty_line.size())));
  if (last_.size() > empty_line.size()) last_.erase(0, last_.size() - empty_line.size());
  if (last_ == empty_line) ended_ = size_;
}

void AppAnswer::clear() {
  text_.clear();
  last_.clear();
  size_ = 0;
  ended_ = 0;
}

bool AppAnswer::is_cut(bool to_head, bool reset) const {
  Bytes rest = to_bytes(text_);
  if (!http1::begins_as_answer(rest)) return false;
  http1::HeadReader reader(http1::HeadReader::Kind::response);
  for (;;) {
    rest = rest.subspan(reader.feed(rest));
    if (reader.failed()) return false;
    if (!reader.done()) return size_ == text_.size() && size_ != 0;  // ended within its head
    if (reader.response().status >= 200) break;
    if (reader.response().status == 101) return false;
    reader.clear();
  }
  const http1::Framed framed = http1::response_framing(reader.response(), to_head);
  if (framed.fault) return false;
  const std::uint64_t head = text_.size() - rest.size();
  switch (framed.framing.kind) {
    case http1::Framing::Kind::none: return false;
    case http1::Framing::Kind::length: return size_ - head < framed.framing.length;
    case http1::Framing::Kind::until_close: return reset;
    case http1::Framing::Kind::chunked: return ended_ <= head;
  }
  return false;
}

}  // namespace tenfold
