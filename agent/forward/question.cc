#include "agent/forward/question.h"

#include <algorithm>

#include "agent/rules.h"

namespace tenfold {

void Question::add(Bytes bytes) {
  size_ += bytes.size();
  text_ += to_text(bytes.first(std::min(bytes.size(), rules::question_kept - text_.size())));
}

void Question::clear() {
  text_.clear();
  size_ = 0;
}

std::optional<HttpPass::Asked> Question::whole() const {
  const std::optional<Reading> reading = read();
  return reading && reading->whole ? std::optional(reading->asked) : std::nullopt;
}

std::optional<HttpPass::Asked> Question::asked() const {
  const std::optional<Reading> reading = read();
  return reading ? std::optional(reading->asked) : std::nullopt;
}

std::optional<Question::Reading> Question::read() const {
  const auto named = [](std::string_view method, std::string_view target) {
    return HttpPass::Asked{.method = std::string(method),
                           .target = std::string(target.substr(0, rules::printed_target)),
                           .accept = {},
                           .visitor = {}};
  };
  http1::HeadReader reader(http1::HeadReader::Kind::request);
  const std::size_t head_size = reader.feed(to_bytes(text_));
  if (reader.done()) {
    const http::RequestHead& head = reader.request();
    const http1::Framed framed = http1::request_framing(head);
    if (framed.fault) return std::nullopt;
    const bool sized = framed.framing.kind != http1::Framing::Kind::chunked;
    return Reading{named(head.method, head.target), sized && size_ - head_size >= framed.framing.length};
  }
  // A long head whose end was not kept.
  const std::string_view line = std::string_view(text_).substr(0, text_.find('\r'));
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (reader.failed() || size_ < rules::question_kept || !line.ends_with(" HTTP/1.1")) return std::nullopt;
  const std::string_view method = line.substr(0, first);
  return Reading{named(method, line.substr(first + 1, last - first - 1)), method == "GET" || method == "HEAD"};
}

}  // namespace tenfold
