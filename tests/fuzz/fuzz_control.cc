// ControlReader on any bytes. Input: one octet that says how to chop, then what comes on the control stream.
//
// Held: the messages and the fault are the same however the bytes are cut; no message is longer than the limit; and
// messages written anew read as the same.
#include <string>
#include <vector>

#include "base/limits.h"
#include "fuzz_support.h"
#include "mux/control_framing.h"

namespace {

using namespace tenfold;
using fuzz::require;

struct Outcome {
  std::vector<std::string> messages;
  ErrorKind fault = ErrorKind::none;
  bool at_boundary = true;

  bool operator==(const Outcome&) const = default;
};

Outcome read(Bytes bytes, const std::vector<std::size_t>& sizes) {
  Outcome outcome;
  ControlReader reader;
  std::size_t at = 0;
  for (const std::size_t size : sizes) {
    const Error error = reader.feed(bytes.subspan(at, size), [&outcome](const control::ControlMessage& message) {
      outcome.messages.push_back(message.SerializeAsString());
      return true;
    });
    at += size;
    outcome.fault = error.kind;
    if (error) break;
  }
  outcome.at_boundary = reader.at_boundary();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes bytes(data + 1, size - 1);
  const Outcome outcome = read(bytes, fuzz::whole(bytes.size()));
  require(read(bytes, fuzz::single_bytes(bytes.size())) == outcome, "byte-wise reads as whole");
  require(read(bytes, fuzz::chopped(bytes.size(), data[0])) == outcome, "chopped reads as whole");

  std::string again;
  for (const std::string& text : outcome.messages) {
    require(text.size() <= limits::control_message_bytes, "no message is longer than the limit");
    control::ControlMessage message;
    require(message.ParseFromString(text), "a message that was read can be read again");
    again += encode_control(message);
  }
  const Outcome repeated = read(to_bytes(again), fuzz::whole(again.size()));
  require(repeated.messages == outcome.messages && repeated.fault == ErrorKind::none && repeated.at_boundary,
          "messages written anew read as the same");
  return 0;
}
