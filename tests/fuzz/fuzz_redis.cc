// RedisReader on any bytes. Input: one octet that says how to chop, then what the registry answers.
//
// Held: the replies and the fault are the same however the bytes are cut, and no reply is beyond its caps.
#include <string>
#include <vector>

#include "broker/cluster/redis_codec.h"
#include "fuzz_support.h"

namespace {

using namespace tenfold;
using namespace tenfold::broker;
using fuzz::require;

struct Outcome {
  std::vector<RedisReply> replies;
  ErrorKind fault = ErrorKind::none;

  bool operator==(const Outcome&) const = default;
};

Outcome read(Bytes bytes, const std::vector<std::size_t>& sizes) {
  Outcome outcome;
  RedisReader reader;
  std::size_t at = 0;
  for (const std::size_t size : sizes) {
    const Error error = reader.feed(bytes.subspan(at, size), [&outcome](const RedisReply& reply) {
      outcome.replies.push_back(reply);
      return true;
    });
    at += size;
    outcome.fault = error.kind;
    if (error) break;
  }
  return outcome;
}

struct Size {
  std::size_t bytes = 0;
  std::size_t items = 0;
  std::size_t depth = 0;
};

void measure(const RedisReply& reply, std::size_t depth, Size& size) {
  size.bytes += reply.text.size();
  size.items += reply.items.size();
  size.depth = std::max(size.depth, depth);
  for (const RedisReply& item : reply.items) measure(item, depth + 1, size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes bytes(data + 1, size - 1);
  const Outcome outcome = read(bytes, fuzz::whole(bytes.size()));
  require(read(bytes, fuzz::single_bytes(bytes.size())) == outcome, "byte-wise reads as whole");
  require(read(bytes, fuzz::chopped(bytes.size(), data[0])) == outcome, "chopped reads as whole");
  for (const RedisReply& reply : outcome.replies) {
    Size measured;
    measure(reply, 0, measured);
    require(measured.bytes <= rules::registry_reply_bytes && measured.items <= rules::registry_reply_items &&
                measured.depth <= rules::registry_reply_depth,
            "no reply is beyond its caps");
  }
  return 0;
}
