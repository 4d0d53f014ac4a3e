// The codec of Redis' protocol: commands to bytes, bytes to replies. The one door to hiredis, of which only the reader
// and the formatter are used.
//
//   connection->write(to_bytes(format_command({"SELECT", "2"})));
//   RedisReader reader;
//   Error error = reader.feed(bytes, [](const RedisReply& reply) { return true; });
//
// Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "broker/cluster/reply_guard.h"

namespace tenfold::broker {

struct RedisReply {
  enum class Kind : std::uint8_t { nil, text, status, error, number, list };

  Kind kind = Kind::nil;
  std::string text{};  // of text, status and error
  std::int64_t number = 0;
  std::vector<RedisReply> items{};  // of a list

  bool is_text() const { return kind == Kind::text; }
  bool is_number() const { return kind == Kind::number; }
  bool is_list() const { return kind == Kind::list; }
  // An error whose code is `code`: "NOSCRIPT" of "NOSCRIPT No matching script".
  bool is_error(std::string_view code) const { return kind == Kind::error && text.starts_with(code); }
  bool operator==(const RedisReply&) const = default;
};

std::string format_command(const std::vector<std::string>& words);

class RedisReader {
 public:
  // False: no further reply of these bytes.
  using OnReply = std::function<bool(const RedisReply& reply)>;

  RedisReader();
  ~RedisReader();

  // The replies that are whole, in order. Errors: protocol; limit, for a reply that announces more than
  // rules::registry_reply_*. Not to be called after one, nor after OnReply said false.
  Error feed(Bytes bytes, const OnReply& on_reply);

 private:
  struct Codec;

  ReplyGuard guard_;
  std::unique_ptr<Codec> codec_;
};

}  // namespace tenfold::broker
