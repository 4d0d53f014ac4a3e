// The flags of the operator's doors and of the access log.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "broker/options.h"

using namespace tenfold;
using namespace tenfold::broker;

namespace {

Result<ParsedOptions> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), {"broker", "--http", "127.0.0.1:0"});
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

std::string refused(const std::vector<const char*>& arguments) {
  const Result<ParsedOptions> parsed = parse(arguments);
  return parsed ? "" : parsed.error().detail;
}

}  // namespace

TEST_CASE("without their flags there are no doors and no access log") {
  const Result<ParsedOptions> parsed = parse({});
  REQUIRE(parsed);
  CHECK_FALSE(parsed->options.health);
  CHECK_FALSE(parsed->options.admin);
  CHECK(parsed->options.access_log.empty());
  CHECK(parsed->options.access_log_query);
}

TEST_CASE("the doors listen where their flags say") {
  const Result<ParsedOptions> parsed =
      parse({"--health", ":7091", "--admin", "[::1]:7090", "--access-log", "-", "--access-log-query", "off"});
  REQUIRE(parsed);
  CHECK(parsed->options.health == Address{"", 7091});
  CHECK(parsed->options.admin == Address{"::1", 7090});
  CHECK(parsed->options.access_log == "-");
  CHECK_FALSE(parsed->options.access_log_query);
}

TEST_CASE("the admin door opens beyond loopback with a token only") {
  for (const char* wide : {"7090", ":7090", "0.0.0.0:7090", "[::]:7090", "192.0.2.1:7090"}) {
    CAPTURE(wide);
    CHECK(refused({"--admin", wide}) ==
          "--admin " + std::string(wide) + ": beyond loopback it needs --admin-token-file");
    CHECK(refused({"--admin", wide, "--admin-token-file", "f"}).empty());
  }
  CHECK(refused({"--admin", "127.9.9.9:7090"}).empty());
  CHECK(refused({"--admin-token-file", "f"}) == "--admin-token-file without --admin guards nothing");
}

TEST_CASE("a wrong value of these flags is named") {
  CHECK(refused({"--health", "host:1"}) == "--health host:1: the address must be an IP");
  CHECK(refused({"--health", "unix:/s"}) == "--health unix:/s: must be ADDR:PORT");
  CHECK(refused({"--admin", "x"}).starts_with("--admin x: must be ADDR:PORT"));
  CHECK(refused({"--access-log-query", "no"}) == "--access-log-query no: must be on or off");
}
