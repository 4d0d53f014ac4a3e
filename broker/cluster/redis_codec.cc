#include "broker/cluster/redis_codec.h"

#include <hiredis/hiredis.h>

#include <cassert>
#include <cstdlib>

namespace tenfold::broker {
namespace {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

RedisReply to_reply(const redisReply& from) {
  RedisReply reply;
  switch (from.type) {
    case REDIS_REPLY_STRING: reply.kind = RedisReply::Kind::text; break;
    case REDIS_REPLY_STATUS: reply.kind = RedisReply::Kind::status; break;
    case REDIS_REPLY_ERROR: reply.kind = RedisReply::Kind::error; break;
    case REDIS_REPLY_INTEGER: reply.kind = RedisReply::Kind::number; break;
    case REDIS_REPLY_ARRAY: reply.kind = RedisReply::Kind::list; break;
    default: break;
  }
  if (from.str != nullptr) reply.text.assign(from.str, from.len);
  reply.number = from.integer;
  reply.items.reserve(from.elements);
  for (std::size_t i = 0; i < from.elements; ++i) reply.items.push_back(to_reply(*from.element[i]));
  return reply;
}

}  // namespace

std::string format_command(const std::vector<std::string>& words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string& word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  char* formatted = nullptr;
  const int size = redisFormatCommandArgv(&formatted, static_cast<int>(words.size()), texts.data(), sizes.data());
  assert(size > 0);
  std::string command(formatted, static_cast<std::size_t>(size));
  std::free(formatted);
  return command;
}

struct RedisReader::Codec {
  ~Codec() { redisReaderFree(reader); }
  redisReader* reader = redisReaderCreate();
};

RedisReader::RedisReader() : codec_(std::make_unique<Codec>()) {}

RedisReader::~RedisReader() = default;

Error RedisReader::feed(Bytes bytes, const OnReply& on_reply) {
  const std::size_t good = guard_.check(bytes);
  if (good != 0) redisReaderFeed(codec_->reader, reinterpret_cast<const char*>(bytes.data()), good);
  while (true) {
    void* next = nullptr;
    if (redisReaderGetReply(codec_->reader, &next) != REDIS_OK) {
      return {ErrorKind::protocol, codec_->reader->errstr, Origin::registry};
    }
    if (next == nullptr) break;
    const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(next));
    if (!on_reply(to_reply(*reply))) return {};
  }
  return good == bytes.size() ? Error{} : guard_.error();
}

}  // namespace tenfold::broker
