#include "agent/options.h"

#include <doctest/doctest.h>

#include "base/limits.h"
#include "mux/handshake.h"

#include <map>
#include <string>
#include <vector>

namespace tenfold {
namespace {

using Arguments = std::vector<std::string>;
using Variables = std::map<std::string, std::string>;

Result<CommandLine> parse(const Arguments& arguments, const Variables& variables = {}) {
  return parse_command_line(arguments, [&variables](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

Options options(const Arguments& arguments, const Variables& variables = {}) {
  const Result<CommandLine> line = parse(arguments, variables);
  if (!line) FAIL(line.error().detail);
  return line->options;
}

std::string error(const Arguments& arguments, const Variables& variables = {}) {
  const Result<CommandLine> line = parse(arguments, variables);
  if (line) return "no error";
  CHECK(line.error().kind == ErrorKind::usage);
  CHECK(line.error().detail.find('\n') == std::string::npos);
  return line.error().detail;
}

TEST_CASE("a port alone is enough") {
  const Options got = options({"expose", "8080"});
  CHECK(to_string(got.tunnels[0].target) == "http://localhost:8080");
  CHECK(to_string(got.broker) == "http://127.0.0.1:7080");
  CHECK(got.mux == Mux::off);
  CHECK(got.tunnels[0].subdomain.empty());
  CHECK(got.log_level == LogLevel::warn);
  CHECK_FALSE(got.no_keep_alive);
  CHECK(got.first_byte == Duration::zero());
}

TEST_CASE("every flag has its effect") {
  const Options got = options({"expose",
                               "https://app.local",
                               "--mux=require",
                               "--host",
                               "https://broker.example",
                               "--subdomain=blue-fox",
                               "--token",
                               "secret",
                               "--ca",
                               "/ca.pem",
                               "--insecure",
                               "--local-host",
                               "app.local:3000",
                               "--print-requests",
                               "--no-keep-alive",
                               "--first-byte",
                               "90",
                               "--json",
                               "--allow-remote-ip",
                               "--log-level",
                               "debug"});
  CHECK(to_string(got.tunnels[0].target) == "https://app.local:443");
  CHECK(got.mux == Mux::require);
  CHECK(to_string(got.broker) == "https://broker.example:443");
  CHECK(got.tunnels[0].subdomain == "blue-fox");
  CHECK(got.token == "secret");
  CHECK(got.ca_file == "/ca.pem");
  CHECK(got.insecure);
  CHECK(got.local_host == "app.local:3000");
  CHECK(got.print_requests);
  CHECK(got.no_keep_alive);
  CHECK(got.first_byte == Duration(90s));
  CHECK(got.json);
  CHECK(got.allow_remote_ip);
  CHECK(got.log_level == LogLevel::debug);
}

TEST_CASE("--mux does not swallow the word behind it") {
  const Options got = options({"expose", "--mux", "8080"});
  CHECK(got.mux == Mux::prefer);
  CHECK(got.tunnels[0].target.address.port == 8080);
}

TEST_CASE("the environment speaks where no flag does") {
  const Variables variables{{"TENFOLD_HOST", "https://from.environment"}, {"TENFOLD_TOKEN", "t1"}};
  CHECK(options({"expose", "1"}, variables).broker.address.host == "from.environment");
  CHECK(options({"expose", "1"}, variables).token == "t1");
  CHECK(options({"expose", "1", "--host", "https://flag", "--token", "t2"}, variables).broker.address.host == "flag");
  CHECK(options({"expose", "1", "--host", "https://flag", "--token", "t2"}, variables).token == "t2");
  CHECK(error({"expose", "1"}, {{"TENFOLD_HOST", "nonsense"}}).starts_with("TENFOLD_HOST 'nonsense': "));
}

TEST_CASE("the state folder is the flag's, the environment's, or where the desktop keeps state") {
  const Variables home{{"HOME", "/home/me"}};
  const Variables state{{"HOME", "/home/me"}, {"XDG_STATE_HOME", "/state"}};
  const Variables ours{{"HOME", "/home/me"}, {"XDG_STATE_HOME", "/state"}, {"TENFOLD_STATE_DIR", "/ours"}};
  CHECK(options({"expose", "1"}).state_dir.empty());
  CHECK(options({"expose", "1"}, {{"HOME", ""}}).state_dir.empty());
  CHECK(options({"expose", "1"}, home).state_dir == "/home/me/.local/state/tenfold");
  CHECK(options({"expose", "1"}, state).state_dir == "/state/tenfold");
  CHECK(options({"expose", "1"}, {{"HOME", "/home/me"}, {"XDG_STATE_HOME", "relative"}}).state_dir ==
        "/home/me/.local/state/tenfold");
  CHECK(options({"expose", "1"}, ours).state_dir == "/ours");
  CHECK(options({"expose", "1", "--state-dir", "here"}, ours).state_dir == "here");
}

TEST_CASE("an error names the flag and the value") {
  CHECK(error({"expose", "80a"}).starts_with("TARGET '80a': "));
  CHECK(error({"expose", "1", "--host", "broker"}).starts_with("--host 'broker': "));
  CHECK(error({"expose", "1", "--mux=maybe"}).starts_with("--mux 'maybe': "));
  CHECK(error({"expose", "1", "--subdomain", "a/b"}).starts_with("--subdomain 'a/b': "));
  for (const char* name : {"a_b", "-a", "a-", "A", "control"}) {
    CHECK(error({"expose", "1", "--subdomain", name}).find(handshake::name_rule) != std::string::npos);
  }
  CHECK(error({"expose", "1", "--subdomain", std::string(64, 'a')}).starts_with("--subdomain 'aaa"));
  for (const std::string bad : {"a b", "app.local:99999", "app.local:0", "[zz]:1", "app..local", "[::1"}) {
    CAPTURE(bad);
    CHECK(error({"expose", "1", "--local-host", bad}).starts_with("--local-host '" + bad + "': "));
  }
  for (const std::string bad : {"0", "-5", "abc", "1e9", "1000000000", "5x", "nan", "inf", " 5"}) {
    CAPTURE(bad);
    CHECK(error({"expose", "1", "--first-byte", bad}).starts_with("--first-byte '" + bad + "': "));
  }
  CHECK(error({"expose", "1", "--first-byte", ""}).starts_with("--first-byte: "));
  CHECK(error({"expose", "1", "--log-level", "loud"}).starts_with("--log-level 'loud': "));
  CHECK(error({"expose", "1", "--nonsense=3"}).starts_with("--nonsense: "));
  CHECK(error({"expose", "1", "--nonsense"}).starts_with("--nonsense: "));
  CHECK(error({"expose", "1", "two"}).starts_with("TARGET 'two': "));
  CHECK(error({"expose", "1", "--host"}) == "--host: its value is missing");
  CHECK(error({"expose", "1", "--json=often"}).find("--json") != std::string::npos);
  CHECK(options({"expose", "1", "--host", "http://a", "--host", "http://b"}).broker.address.host == "b");
  CHECK(error({"expose", "1", "expose", "2"}) != "no error");
  CHECK(error({"expose"}).starts_with("TARGET: missing"));
  CHECK(error({}).starts_with("expose: missing"));
  CHECK(error({"reveal", "8080"}).starts_with("reveal: "));
}

TEST_CASE("each of several targets has its name, in their order") {
  const Options got = options({"expose", "--subdomain", "web", "3000", "--mux", "8080", "--subdomain=api", "8080"});
  REQUIRE(got.tunnels.size() == 3);
  CHECK(to_string(got.tunnels[0].target) == "http://localhost:3000");
  CHECK(to_string(got.tunnels[1].target) == "http://localhost:8080");
  CHECK(to_string(got.tunnels[2].target) == "http://localhost:8080");
  CHECK(got.tunnels[0].subdomain == "web");
  CHECK(got.tunnels[1].subdomain == "api");
  CHECK(got.tunnels[2].subdomain.empty());
  CHECK(error({"expose", "1", "--subdomain", "a", "--subdomain", "b"}) ==
        "--subdomain 'b': one more than there are targets: each target has one name, in the same order");
  CHECK(error({"expose", "1", "2", "--subdomain", "a", "--subdomain", "a"}).starts_with("--subdomain 'a': "));
  CHECK(error({"expose", "1", "2", "--subdomain", "a", "--subdomain", "B"}).starts_with("--subdomain 'B': "));
  CHECK(error({"expose", "1", "0", "2"}).starts_with("TARGET '0': "));
  Arguments many{"expose"};
  for (std::size_t i = 0; i < limits::tunnels_per_link; ++i) many.emplace_back("1");
  CHECK(options(many).tunnels.size() == limits::tunnels_per_link);
  many.emplace_back("1");
  CHECK(error(many).starts_with("TARGET: more than 100"));
}

TEST_CASE("a value's control characters do not reach the terminal") {
  CHECK(error({"expose", "1\x1b[2J"}).find('\x1b') == std::string::npos);
  CHECK(error({"expose", "1", "--x\x1b[2J"}).find('\x1b') == std::string::npos);
}

TEST_CASE("a token goes in the clear to loopback only") {
  for (const char* host :
       {"http://localhost:7080", "http://127.0.0.1:7080", "http://[::1]:7080", "https://broker.example"}) {
    CAPTURE(host);
    CHECK(options({"expose", "1", "--host", host, "--token", "secret"}).token == "secret");
  }
  for (const char* host : {"http://broker.example", "http://127.0.0.1.example", "http://localhost.example",
                           "http://10.0.0.1", "http://0.0.0.0:7080"}) {
    CAPTURE(host);
    const std::string line = error({"expose", "1", "--host", host, "--token", "secret"});
    CHECK(line.starts_with("--token: "));
    CHECK(line.find("secret") == std::string::npos);
    CHECK(error({"expose", "1", "--host", host}, {{"TENFOLD_TOKEN", "secret"}}).starts_with("TENFOLD_TOKEN: "));
  }
}

TEST_CASE("a token that would break the head is refused, and not shown") {
  const std::string line = error({"expose", "1", "--token", "sec\r\nret"});
  CHECK(line.starts_with("--token: "));
  CHECK(line.find("sec") == std::string::npos);
}

TEST_CASE("help and the version are asked for anywhere") {
  for (const Arguments& arguments : {Arguments{"--help"}, {"-h"}, {"expose", "--help"}, {"expose", "nonsense", "-h"}}) {
    const Result<CommandLine> line = parse(arguments);
    REQUIRE(line);
    for (const char* word :
         {"TARGET", "--mux", "--host", "--subdomain", "--token", "--ca", "--insecure", "--local-host",
          "--print-requests", "--no-keep-alive", "--first-byte", "--json", "--log-level", "Exit codes", "TENFOLD_HOST",
          "TENFOLD_TOKEN", "--state-dir", "TENFOLD_STATE_DIR", "http://127.0.0.1:7080"}) {
      CAPTURE(word);
      CHECK(line->print.find(word) != std::string::npos);
    }
  }
  const Result<CommandLine> line = parse({"--version"});
  REQUIRE(line);
  CHECK(line->print.starts_with("tenfold agent "));
}

}  // namespace
}  // namespace tenfold
