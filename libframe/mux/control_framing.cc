#include "mux/control_framing.h"

#include <google/protobuf/stubs/logging.h>

#include <cassert>
#include <cstdint>

#include "base/limits.h"

namespace tenfold {

namespace {

constexpr std::size_t longest_varint = 5;  // 32 bits, 7 in an octet

struct Length {
  enum class State { whole, cut, bad } state = State::cut;
  std::uint64_t value = 0;
  std::size_t octets = 0;
};

Length read_length(std::string_view text) {
  Length length;
  while (length.octets < longest_varint) {
    if (length.octets == text.size()) return length;
    const auto octet = static_cast<std::uint8_t>(text[length.octets]);
    length.value |= std::uint64_t{octet & 0x7fU} << (7 * length.octets);
    ++length.octets;
    if ((octet & 0x80U) == 0) return length.state = Length::State::whole, length;
  }
  return length.state = Length::State::bad, length;
}

}  // namespace

std::string encode_control(const control::ControlMessage& message) {
  const std::size_t size = message.ByteSizeLong();
  assert(size <= limits::control_message_bytes);
  std::string out;
  out.reserve(size + longest_varint);
  std::size_t rest = size;
  for (; rest >= 0x80; rest >>= 7) out += static_cast<char>((rest & 0x7f) | 0x80);
  out += static_cast<char>(rest);
  message.AppendToString(&out);
  return out;
}

Error ControlReader::feed(Bytes bytes, const std::function<bool(const control::ControlMessage&)>& each) {
  if (failed_ || stopped_) return failed_;
  // Messages that arrive whole are read where they lie.
  std::string_view text = to_text(bytes);
  const bool joined = !held_.empty();
  if (joined) {
    held_ += text;
    text = held_;
  }
  const auto fail = [this](ErrorKind kind, const char* detail) {
    held_ = {};
    return failed_ = {kind, detail};
  };
  // protobuf would write a line to stderr for what a peer gets wrong.
  const google::protobuf::LogSilencer silence;
  while (!text.empty()) {
    const Length length = read_length(text);
    if (length.state == Length::State::bad) return fail(ErrorKind::protocol, "a control message's length is no varint");
    if (length.state == Length::State::cut) break;
    if (length.value > limits::control_message_bytes) return fail(ErrorKind::limit, "a control message is too long");
    if (text.size() - length.octets < length.value) break;
    control::ControlMessage message;
    if (!message.ParseFromArray(text.data() + length.octets, static_cast<int>(length.value))) {
      return fail(ErrorKind::protocol, "bytes that are no control message");
    }
    text.remove_prefix(length.octets + length.value);
    if (!each(message)) {
      stopped_ = true;
      held_ = {};
      return {};
    }
  }
  if (joined) {
    held_.erase(0, held_.size() - text.size());
  } else {
    held_ = text;
  }
  return {};
}

}  // namespace tenfold
