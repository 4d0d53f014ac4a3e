// The configuration file: what its keys become, and what is said of a wrong one.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "broker/config.h"
#include "broker/options.h"
#include "support/test_certificate.h"

using namespace tenfold;
using namespace tenfold::broker;

namespace {

class Files {
 public:
  Result<ParsedOptions> parse(const std::string& text, const std::vector<std::string>& flags = {}) {
    path = directory_.write("broker.toml", text);
    std::vector<const char*> words{"broker", "--config", path.c_str()};
    for (const std::string& flag : flags) words.push_back(flag.c_str());
    return parse_options(static_cast<int>(words.size()), words.data());
  }
  // The error without the path in front.
  std::string fault(const std::string& text, const std::vector<std::string>& flags = {"--http", "127.0.0.1:0"}) {
    const Result<ParsedOptions> parsed = parse(text, flags);
    if (parsed) return "none";
    CHECK(parsed.error().kind == ErrorKind::usage);
    const std::string& detail = parsed.error().detail;
    return detail.starts_with(path + ":") ? detail.substr(path.size()) : detail;
  }
  std::string path;

 private:
  test::TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("a file's keys are flags without their dashes") {
  Files files;
  const auto parsed = files.parse(
      "# all of it\nhttp = [\"127.0.0.1:80\", \"unix:/run/a b\"]\ndomain = \"t.example\"\n"
      "drain-timeout = \"5m\"\nkeep-alive = 90\nmax-conn = 3\nclassic-any-address = true\n"
      "proxy = [\n  \"10.0.0.0/8\",\n  \"unix\",\n]\nclassic = \"off\"\n");
  REQUIRE(parsed);
  const Options& options = parsed->options;
  CHECK(options.http == std::vector<Address>{{"127.0.0.1", 80}, Address::of_unix("/run/a b")});
  CHECK(options.domain == "t.example");
  CHECK(options.drain_time == 5min);
  CHECK(options.patience.keep_alive == 90s);
  CHECK(options.max_conn == 3);
  CHECK(options.classic_any_address);
  CHECK(options.proxies.contains("10.1.1.1"));
  CHECK_FALSE(options.classic);
  CHECK(files.parse("http = \"127.0.0.1:80\"\nclassic-any-address = false\n")->options.http.size() == 1);
}

TEST_CASE("the command line counts before the file, for lists as a whole") {
  Files files;
  const auto parsed = files.parse("http = [\":80\", \":81\"]\ndomain = \"file.example\"\nmax-conn = 3\n",
                                  {"--http", "127.0.0.1:0", "--domain", "line.example"});
  REQUIRE(parsed);
  CHECK(parsed->options.http == std::vector<Address>{{"127.0.0.1", 0}});
  CHECK(parsed->options.domain == "line.example");
  CHECK(parsed->options.max_conn == 3);
  // What the command line overrides is not looked at, but its type is.
  CHECK(files.parse("domain = \"no domain\"\n", {"--http", "127.0.0.1:0", "--domain", "x.example"}));
}

TEST_CASE("a wrong file is told with the line") {
  Files files;
  CHECK(files.fault("\n\nfrobnicate = 1\n") == ":3: frobnicate: unknown key");
  CHECK(files.fault("\n[http]\nx = 1\n") == ":2: http: must be a text in quotes");
  CHECK(files.fault("[site]\ndomain = \"x.example\"\n") == ":1: site: unknown key");
  for (const char* key : {"config", "check-config", "help", "version"}) {
    CHECK(files.fault(std::string(key) + " = \"x\"\n") == ":1: " + std::string(key) + ": unknown key");
  }
  CHECK(files.fault("domain = tunnel.example\n").starts_with(":1: "));
  CHECK(files.fault("domain = tunnel.example\n")
            .ends_with("(a text stands in quotes, as in domain = \"tunnel.example\")"));
  CHECK(files.fault("max-conn = 3\nmax-conn = 4\n").starts_with(":2: "));
  CHECK(files.fault("max-conn = 99999999999999999999\n").starts_with(":1: "));
  CHECK(files.fault("# a\n\xff\n").starts_with(":"));
}

TEST_CASE("a value of a wrong type is told with its line and the right one") {
  Files files;
  CHECK(files.fault("domain = 3\n") == ":1: domain: must be a text in quotes");
  CHECK(files.fault("\nmax-conn = \"3\"\n") == ":2: max-conn: must be a number from 0");
  CHECK(files.fault("max-conn = -3\n") == ":1: max-conn: must be a number from 0");
  CHECK(files.fault("max-conn = 1.5\n") == ":1: max-conn: must be a number from 0");
  CHECK(files.fault("classic-any-address = \"yes\"\n") == ":1: classic-any-address: must be true or false");
  CHECK(files.fault("domain = [\"a\", \"b\"]\n") == ":1: domain: takes one value, and no list");
  CHECK(files.fault("proxy = [\n\"10.0.0.1\",\n7]\n") == ":3: proxy: must be a text in quotes");
  CHECK(files.fault("warmup = true\n").starts_with(":1: warmup: must be a time in quotes"));
}

TEST_CASE("a value that its flag's own check refuses is told with the file and the line, too") {
  Files files;
  CHECK(files.fault("\nmax-conn = 3000\n") == ":2: max-conn 3000: must be from 1 to 1000");
  CHECK(files.fault("domain = \"a b\"\n") == ":1: domain a b: must be a DNS name, without a port");
  CHECK(files.fault("drain-timeout = \"5x\"\n").starts_with(":1: drain-timeout 5x: must be a time"));
  CHECK(files.fault("proxy = [\n\"10.0.0.1\",\n\"nonsense\"]\n").starts_with(":3: proxy nonsense: must be"));
  CHECK(files.fault("\nhttps = \"127.0.0.1:0\"\n") == ":2: https needs --tls-cert FILE");
  // The command line's faults are its own.
  CHECK(files.fault("max-conn = 3\n", {"--http", "nonsense"}).starts_with("--http nonsense: "));
}

TEST_CASE("a file that cannot be read is a fault of --config") {
  for (const char* path : {"/none/broker.toml", ".", ""}) {
    const std::vector<const char*> words{"broker", "--http", "127.0.0.1:0", "--config", path};
    const auto parsed = parse_options(static_cast<int>(words.size()), words.data());
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().detail == "--config " + std::string(path) + ": cannot be read");
  }
  Files files;
  CHECK(files.fault(std::string(1024 * 1024 + 1, '#')).ends_with("broker.toml is over 1 MiB"));
}

TEST_CASE("the file of the operator's page is a good one") {
  std::ifstream page(TENFOLD_SOURCE_DIR "/docs/OPERATING.md");
  std::stringstream text;
  text << page.rdbuf();
  const std::string all = text.str();
  const std::size_t begin = all.find("```toml\n") + 8;
  REQUIRE(begin > 8);
  Files files;
  const auto parsed = files.parse(all.substr(begin, all.find("```", begin) - begin));
  if (!parsed) FAIL(parsed.error().detail);
  CHECK(parsed->options.https.size() == 1);
}

TEST_CASE("an error that comes later has its place in the file, when the file is to blame") {
  Files files;
  const auto parsed = files.parse("\ntoken-file = \"/none\"\n", {"--http", "127.0.0.1:0"});
  REQUIRE(parsed);
  CHECK(parsed->places.placed({ErrorKind::usage, "--token-file: cannot read it"}).detail ==
        files.path + ":2: token-file: cannot read it");
  CHECK(parsed->places.placed({ErrorKind::io, "--http: in use"}).detail == "--http: in use");
}
