// `--registry`: what is understood, and what is said of what is not.
#include "broker/cluster/redis_address.h"

#include <doctest/doctest.h>

namespace tenfold::broker {
namespace {

TEST_CASE("an address of the registry is read with all its parts") {
  const Result<RedisAddress> plain = RedisAddress::parse("redis://10.0.0.7:6380");
  REQUIRE(plain);
  CHECK(plain->address == Address{"10.0.0.7", 6380});
  CHECK_FALSE(plain->tls);
  CHECK(plain->password.empty());
  CHECK(plain->database == 0);

  const Result<RedisAddress> full = RedisAddress::parse("rediss://te%40m:p%3A%2fw@[::1]:6379/3");
  REQUIRE(full);
  CHECK(full->user == "te@m");
  CHECK(full->password == "p:/w");
  CHECK(full->address == Address{"::1", 6379});
  CHECK(full->database == 3);
  CHECK(full->tls);
  CHECK(to_string(*full) == "rediss://[::1]:6379/3");

  CHECK(RedisAddress::parse("redis://:secret@cache")->address == Address{"cache", 6379});
  CHECK(RedisAddress::parse("redis://[::1]/1")->address == Address{"::1", 6379});
  CHECK(*RedisAddress::parse("redis://unix:/run/redis.sock")->address.path == "/run/redis.sock");
}

TEST_CASE("an address that is none is refused with the reason, and never shows a password") {
  const auto why = [](std::string_view text) {
    const Result<RedisAddress> parsed = RedisAddress::parse(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().kind == ErrorKind::usage);
    CHECK(parsed.error().detail.find("hunter2") == std::string::npos);
    return parsed.error().detail;
  };
  CHECK(why("http://host:1") == "it begins with neither redis:// nor rediss://");
  CHECK(why("redis://hunter2@host:1") == "the log-in is no USER:PASSWORD");
  CHECK(why("redis://user:@host:1") == "the password is empty");
  CHECK(why("redis://user:hunter2%4@host:1") == "a '%' in the log-in is not followed by two hexadecimal digits");
  CHECK(why("redis://user:hunter2@") == "the host is missing");
  CHECK(why("redis://user:hunter2@host:99999") == "the port is no number from 0 to 65535");
  CHECK(why("redis://host:0") == "the port is 0");
  CHECK(why("redis://host:1/x") == "the database is no number from 0 to 65535");
  CHECK(why("redis://host:1/70000") == "the database is no number from 0 to 65535");
  CHECK(why("redis://user:hunter2/x@y:1/1@host:a") == "the port is no number from 0 to 65535");
  CHECK(why("redis://user:hunter2") == "the port is no number from 0 to 65535");
  CHECK(why("rediss://unix:/run/redis.sock") == "a unix socket has no TLS");
}

}  // namespace
}  // namespace tenfold::broker
