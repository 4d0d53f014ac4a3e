// What a command line becomes.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "broker/options.h"
#include "broker/rules.h"

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

TEST_CASE("unix sockets open nothing to the network, whatever stands beside them decides") {
  CHECK(classic_bind({"--http", "unix:/run/s"}) == "127.0.0.1");
  CHECK(classic_bind({"--http", "unix:/run/s", "--http", "127.0.0.2:0"}) == "127.0.0.2");
  CHECK(classic_bind({"--http", "unix:/run/s", "--http", "7080"}).empty());
  CHECK(classic_bind({"--http", "unix:/run/s", "--classic-bind", "all"}).empty());
}

TEST_CASE("a listener is an IP with a port, a port, or a unix socket's path") {
  const auto parsed = parse({"--http", "127.0.0.1:7080", "--http", "unix:/run/a b", "--http", ":80", "--https",
                             "unix:/run/tls", "--tls-cert", "c", "--tls-key", "k"});
  REQUIRE(parsed);
  CHECK(parsed->options.http == std::vector<Address>{{"127.0.0.1", 7080}, Address::of_unix("/run/a b"), {"", 80}});
  CHECK(parsed->options.https == std::vector<Address>{Address::of_unix("/run/tls")});
  for (const std::string flag : {"--http", "--https"}) {
    for (const char* text : {"unix:", "unix:run/s", "unix:80", "host:80", "80x", "/run/s", "127.0.0.1"}) {
      CAPTURE(text);
      const auto bad = parse({(flag + "=" + text).c_str(), "--tls-cert", "c", "--tls-key", "k"});
      REQUIRE_FALSE(bad);
      CHECK(bad.error().detail.starts_with(flag + " " + text + ": "));
    }
  }
  const std::string long_path = "unix:/" + std::string(107, 'a');
  CHECK(parse({"--http", long_path.c_str()}).error().detail.ends_with("107 bytes at most, this one 108"));
}

TEST_CASE("the mode of unix sockets is octal") {
  const auto mode = [](const char* text) { return parse({"--http", "unix:/run/s", "--unix-mode", text}); };
  CHECK(parse({"--http", "unix:/run/s"})->options.unix_mode == 0660);
  CHECK(mode("0600")->options.unix_mode == 0600);
  CHECK(mode("666")->options.unix_mode == 0666);
  CHECK(mode("0")->options.unix_mode == 0);
  CHECK(mode("").error().detail.starts_with("--unix-mode "));
  for (const char* bad : {"888", "0o660", "1777", "01777", "00660", "rw", "-1", "+660", " 660", "0660x", "0x1b0"}) {
    CAPTURE(bad);
    const auto parsed = parse({"--http", "unix:/run/s", (std::string("--unix-mode=") + bad).c_str()});
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().detail.starts_with("--unix-mode "));
    CHECK(parsed.error().detail.find(bad) != std::string::npos);
  }
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

TEST_CASE("who must send a PROXY header is apart from whose fields count") {
  const Result<ParsedOptions> parsed = parse({"--http", "127.0.0.1:0", "--proxy", "10.0.0.1", "--proxy-protocol-from",
                                              "192.0.2.0/24", "fd00::/8", "--proxy-protocol-from", "unix"});
  REQUIRE(parsed);
  for (const char* ip : {"192.0.2.7", "fd00::1", "unix"}) {
    CHECK(parsed->options.proxy_protocol_from.contains(ip));
    CHECK_FALSE(parsed->options.proxies.contains(ip));
  }
  CHECK_FALSE(parsed->options.proxy_protocol_from.contains("10.0.0.1"));
  const Result<ParsedOptions> bad = parse({"--http", "127.0.0.1:0", "--proxy-protocol-from", "10.0.0.0/33"});
  REQUIRE_FALSE(bad);
  CHECK(bad.error().detail.find("--proxy-protocol-from 10.0.0.0/33") == 0);
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
  CHECK(parse({"--http", "127.0.0.1:0"})->options.warmup == rules::warmup_time);
  CHECK(warmup("0")->options.warmup == Duration::zero());
  CHECK(warmup("3s")->options.warmup == 3s);
  CHECK_FALSE(warmup("soon"));
  CHECK_FALSE(parse({"--http", "127.0.0.1:0", "--body-idle", "0"}));
}

TEST_CASE("a memory limit is a size in M or G, and anything else is refused with its text") {
  const auto given = [](const char* text) { return parse({"--http", "127.0.0.1:7080", "--memory-limit", text}); };
  CHECK(parse({"--http", "127.0.0.1:7080"})->options.memory_limit == 0);
  CHECK(given("512M")->options.memory_limit == 512 * limits::MiB);
  CHECK(given("2G")->options.memory_limit == 2048 * limits::MiB);
  CHECK(given("16M")->options.memory_limit == 16 * limits::MiB);
  for (const char* wrong : {"15M", "", "0", "512", "512K", "512MB", "-1M", "1.5G", "M", " 512M", "0G",
                            "18446744073709551615M", "17179869184G", "99999999999999999999G"}) {
    CAPTURE(wrong);
    const Result<ParsedOptions> parsed = given(wrong);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().kind == ErrorKind::usage);
    CHECK(parsed.error().detail.find("--memory-limit") == 0);
  }
}
