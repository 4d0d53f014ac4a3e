// What a command line becomes.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "broker/options.h"

using namespace tenfold;
using namespace tenfold::broker;

namespace {

Result<ParsedOptions> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "broker");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

// `listeners`: flags and values.
std::string classic_bind(const std::vector<const char*>& arguments) {
  const Result<ParsedOptions> parsed = parse(arguments);
  if (!parsed) FAIL(parsed.error().detail);
  return parsed->options.classic_bind;
}

}  // namespace

TEST_CASE("the classic ports of a broker that listens on loopback alone open there") {
  CHECK(classic_bind({"--http", "127.0.0.1:7080"}) == "127.0.0.1");
  CHECK(classic_bind({"--http", "127.0.0.2:0"}) == "127.0.0.2");
  CHECK(classic_bind({"--http", "[::1]:7080"}) == "::1");
  CHECK(classic_bind({"--https", "127.0.0.3:7443", "--tls-cert", "c", "--tls-key", "k"}) == "127.0.0.3");
}

TEST_CASE("of several loopback listeners the first --http gives its address") {
  CHECK(classic_bind({"--https", "127.0.0.3:1", "--http", "127.0.0.2:1", "--http", "[::1]:1", "--tls-cert", "c",
                      "--tls-key", "k"}) == "127.0.0.2");
}

TEST_CASE("the classic ports of a broker with a listener beyond loopback open on every address") {
  for (const char* wide : {"7080", ":7080", "0.0.0.0:7080", "[::]:7080", "192.0.2.1:7080", "[2001:db8::1]:7080",
                           "128.0.0.1:7080", "126.255.255.255:7080", "[::2]:7080"}) {
    CAPTURE(wide);
    CHECK(classic_bind({"--http", wide}).empty());
    CHECK(classic_bind({"--http", "127.0.0.1:7080", "--http", wide}).empty());
    CHECK(classic_bind({"--http", "127.0.0.1:7080", "--https", wide, "--tls-cert", "c", "--tls-key", "k"}).empty());
  }
}

TEST_CASE("an address for the classic ports that is given is the one they open on") {
  CHECK(classic_bind({"--http", "127.0.0.1:7080", "--classic-bind", "192.0.2.1"}) == "192.0.2.1");
  CHECK(classic_bind({"--http", "127.0.0.1:7080", "--classic-bind", "::"}) == "::");
  CHECK(classic_bind({"--http", "127.0.0.1:7080", "--classic-bind", "all"}).empty());
  CHECK(classic_bind({"--http", ":7080", "--classic-bind", "127.0.0.1"}) == "127.0.0.1");
}

TEST_CASE("what no port can open on is no --classic-bind") {
  for (const char* bad : {"localhost", "300.1.1.1", "1.2.3", "a:b", "[::1]", "127.0.0.1:80", "ALL", " "}) {
    CAPTURE(bad);
    const Result<ParsedOptions> parsed = parse({"--http", "127.0.0.1:7080", "--classic-bind", bad});
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().detail.starts_with("--classic-bind "));
  }
}

TEST_CASE("a public URL has a host, and a port that there is") {
  for (const char* good : {"http://t.example", "https://t.example:8443", "http://localhost:7080"}) {
    CAPTURE(good);
    CHECK(parse({"--http", "127.0.0.1:0", "--public-url", good}));
  }
  for (const char* bad : {"t.example", "ftp://t.example", "http://", "http://t.example/", "http://u@t.example",
                          "http://t.example:99999", "http://t.example:0", "http://t..example", "http://t\"example"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse({"--http", "127.0.0.1:0", "--public-url", bad}));
  }
}

TEST_CASE("a time that is no time is told with its flag and its value") {
  for (const std::string flag :
       {"--first-byte", "--body-idle", "--stream-idle", "--half-close", "--keep-alive", "--drain-timeout"}) {
    for (const char* value :
         {"abc", "", "0", "0s", "-5", "1e9", "5x", "99999h", "inf", "nan", "0x10", "5 s", " 5", "5s5"}) {
      CAPTURE(flag);
      CAPTURE(value);
      const Result<ParsedOptions> parsed = parse({"--http", "127.0.0.1:0", (flag + "=" + value).c_str()});
      REQUIRE_FALSE(parsed);
      CHECK(parsed.error().detail.starts_with(flag));
      if (*value != '\0') CHECK(parsed.error().detail.find(value) != std::string::npos);
    }
  }
  CHECK_FALSE(parse({"--http", "127.0.0.1:0", "--keep-alive=200ms"}));
}

TEST_CASE("a time is seconds, or has its unit") {
  const Result<ParsedOptions> parsed =
      parse({"--http", "127.0.0.1:0", "--first-byte", "90", "--body-idle", "1.5m", "--stream-idle", "2h",
             "--half-close", "500ms", "--keep-alive", "700s", "--drain-timeout", "0.5"});
  REQUIRE(parsed);
  CHECK(parsed->options.patience.first_byte == 90s);
  CHECK(parsed->options.patience.body_idle == 90s);
  CHECK(parsed->options.patience.stream_idle == 2h);
  CHECK(parsed->options.patience.half_close == 500ms);
  CHECK(parsed->options.patience.keep_alive == 700s);
  CHECK(parsed->options.keep_alive_proxy == 700s);
  CHECK(parsed->options.drain_time == 500ms);
}

TEST_CASE("--warmup alone of the times may be 0") {
  const auto warmup = [](const char* value) { return parse({"--http", "127.0.0.1:0", "--warmup", value}); };
  CHECK(parse({"--http", "127.0.0.1:0"})->options.warmup == limits::warmup_time);
  CHECK(warmup("0")->options.warmup == Duration::zero());
  CHECK(warmup("3s")->options.warmup == 3s);
  CHECK_FALSE(warmup("soon"));
  CHECK_FALSE(parse({"--http", "127.0.0.1:0", "--body-idle", "0"}));
}
