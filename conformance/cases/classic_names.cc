// The names that a server grants. docs/CLASSIC.md, "name-grammar".
#include <nlohmann/json.hpp>

#include "conformance/cases/server_cases.h"

namespace tenfold::conformance {
namespace {

struct Wanted {
  const char* id;
  const char* name;  // in a path; "*": a fresh one of 4 characters
  const char* what;
};

void expect_refused(ServerTarget& target, const std::string& name) {
  const Message got = target.ask("GET", "/" + name, target.own_host(), target.credentials());
  REQUIRE(got.status == 403);
  const auto json = nlohmann::json::parse(got.body, nullptr, false);
  expect(json.is_object() && json.contains("message"), "no JSON with a message: " + got.body.substr(0, 100));
  const auto message = json["message"].get<std::string>();
  expect(message.starts_with("Invalid subdomain"), "another message: " + message);
}

constexpr Wanted refused[] = {
    {"upper-case", "Abcdef", "an upper case letter"},
    {"hyphen-first", "-abcdef", "a hyphen first"},
    {"hyphen-last", "abcdef-", "a hyphen last"},
    {"underscore", "abc_def", "an underscore"},
    {"dot", "abc.def", "a dot"},
    {"percent", "abc%64ef", "a percent-encoded letter"},
    {"non-ascii", "abcd%c3%a9f", "a letter beyond ASCII"},
    {"prototype", "__proto__", "__proto__"},
};

}  // namespace

void add_classic_names(ServerSuite& suite) {
  for (const Wanted& each : refused) {
    suite.add({std::string("classic/name/") + each.id, Level::must,
               std::string(each.what) + ": 403 and the message that clients know", "CLASSIC handshake-bad-name"},
              [name = std::string(each.name)](ServerTarget& target) { expect_refused(target, name); });
  }
  for (const auto& [id, name] : {std::pair{"short", "abc"}, std::pair{"hyphen-short", "ab-cd"}}) {
    suite.add({std::string("classic/name/") + id, Level::must,
               std::string(name) + ", which the reference's grammar refuses: 403 and the message, or that very name",
               "CLASSIC name-grammar"},
              [name = std::string(name)](ServerTarget& target) {
                const Message got = target.ask("GET", "/" + name, target.own_host(), target.credentials());
                if (got.status != 200) return expect_refused(target, name);
                REQUIRE(nlohmann::json::parse(got.body, nullptr, false)["id"] == name);
              });
  }
  suite.add({"classic/name/4-long", Level::must, "4 letters and digits are a name", "CLASSIC name-grammar"},
            [](ServerTarget& target) {
              const std::string name = target.fresh_name().substr(2, 4);
              REQUIRE(target.create(name).id == name);
            });
  suite.add({"classic/name/hyphen", Level::must, "a hyphen inside a name of 6 is a name's", "CLASSIC name-grammar"},
            [](ServerTarget& target) {
              const std::string letters = target.fresh_name();
              const std::string name = letters.substr(2, 4) + "-" + letters.substr(6, 3);
              REQUIRE(target.create(name).id == name);
            });
  suite.add(
      {"classic/name/63-long", Level::must, "63 characters are granted, and their host works", "CLASSIC name-grammar"},
      [](ServerTarget& target) {
        std::string name = target.fresh_name();
        name.resize(63, 'x');
        const Tunnel tunnel = target.create(name);
        REQUIRE(tunnel.id == name);
        Pool pool(target, tunnel, 1);
        Http visitor = target.visit();
        visitor.send(request("GET", "/", target.host_of(name)));
        pool.take().socket.send(answer(200, "long"));
        REQUIRE(visitor.read_answer().body == "long");
      });
  for (const std::size_t size : {64u, 65u}) {
    suite.add({"classic/name/" + std::to_string(size) + "-long", Level::should,
               std::to_string(size) + " characters, more than a DNS label may have: 403", "CLASSIC fault-names"},
              [size](ServerTarget& target) {
                std::string name = target.fresh_name();
                name.insert(2, "-");
                name.resize(size, 'x');
                expect_refused(target, name);
              });
  }
  suite.add({"classic/name/66-long", Level::must, "66 characters: 403", "CLASSIC name-grammar"},
            [](ServerTarget& target) { expect_refused(target, std::string(66, 'x')); });
}

}  // namespace tenfold::conformance
