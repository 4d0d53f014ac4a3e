#include "agent/links/known_brokers.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/rules.h"
#include "support/test_certificate.h"
#include "support/test_runtime.h"

namespace tenfold {
namespace {

namespace fs = std::filesystem;

Endpoint broker(const std::string& url) {
  const Result<Endpoint> endpoint = parse_broker_url(url);
  REQUIRE(endpoint);
  return *endpoint;
}

struct StateTest {
  test::TemporaryDirectory directory;
  test::RecordingLog log;
  const std::string folder = directory.path() + "/deep/er";
  const std::string file = folder + "/brokers";

  KnownBrokers open() { return KnownBrokers(log, folder); }
  bool knows(const std::string& url) { return open().spoke_mux(broker(url)); }

  void write(const std::string& text) {
    fs::create_directories(folder);
    std::ofstream(file, std::ios::binary) << text;
  }
  std::string read() const {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }
  std::size_t warnings() const {
    return static_cast<std::size_t>(std::count_if(log.lines.begin(), log.lines.end(), [](const std::string& line) {
      return line.starts_with("state-ignored ");
    }));
  }
};

unsigned mode_of(const std::string& path) {
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  return facts.st_mode & 07777;
}

TEST_CASE_FIXTURE(StateTest, "a broker that spoke tenfold/1 is known to the next agent, by scheme, host and port") {
  KnownBrokers first = open();
  CHECK_FALSE(first.spoke_mux(broker("https://tunnel.example")));
  first.on_spoke_mux(broker("https://Tunnel.example"));
  first.on_spoke_mux(broker("http://[::1]:7080"));
  CHECK(first.spoke_mux(broker("https://tunnel.example")));
  CHECK(knows("https://tunnel.example:443"));
  CHECK(knows("https://TUNNEL.example/"));
  CHECK(knows("http://[::1]:7080"));
  CHECK_FALSE(knows("http://tunnel.example:443"));
  CHECK_FALSE(knows("https://tunnel.example:8443"));
  CHECK_FALSE(knows("https://example"));
  CHECK(log.lines.empty());
}

TEST_CASE_FIXTURE(StateTest, "the file is its owner's alone, and nothing is left beside it") {
  const mode_t mask = ::umask(0);
  open().on_spoke_mux(broker("https://tunnel.example"));
  ::umask(mask);
  CHECK(mode_of(file) == 0600);
  CHECK(mode_of(folder) == 0700);
  CHECK(std::distance(fs::directory_iterator(folder), fs::directory_iterator()) == 1);
}

TEST_CASE_FIXTURE(StateTest, "what is known already is not written again, and nothing is before a broker is known") {
  CHECK_FALSE(open().spoke_mux(broker("https://tunnel.example")));
  CHECK_FALSE(fs::exists(folder));
  KnownBrokers known = open();
  known.on_spoke_mux(broker("https://tunnel.example"));
  fs::remove(file);
  known.on_spoke_mux(broker("https://tunnel.example"));
  CHECK_FALSE(fs::exists(file));
}

TEST_CASE_FIXTURE(StateTest, "two agents at once lose nothing of each other's") {
  KnownBrokers one = open();
  KnownBrokers two = open();
  one.on_spoke_mux(broker("https://one.example"));
  two.on_spoke_mux(broker("https://two.example"));
  CHECK(knows("https://one.example"));
  CHECK(knows("https://two.example"));
}

TEST_CASE_FIXTURE(StateTest, "so many brokers are kept, the oldest is dropped, and one in use is not the oldest") {
  const auto url = [](std::size_t i) { return "https://b" + std::to_string(i) + ".example"; };
  std::string text;
  for (std::size_t i = 0; i < rules::known_brokers; ++i) text += url(i) + ":443\n";
  write(text);
  CHECK(knows(url(0)));
  open().on_spoke_mux(broker(url(0)));
  open().on_spoke_mux(broker("https://new.example"));
  CHECK(knows(url(0)));
  CHECK_FALSE(knows(url(1)));
  CHECK(knows(url(2)));
  CHECK(knows("https://new.example"));
  CHECK(warnings() == 0);

  // A file with more is not one of ours, but its latest count.
  write(text + "https://last.example:443\n");
  CHECK_FALSE(knows(url(0)));
  CHECK(knows("https://last.example"));
}

TEST_CASE_FIXTURE(StateTest, "garbage is ignored with one warning, and what makes sense in it counts") {
  std::string garbage;
  SUBCASE("binary") { garbage = std::string("\0\1\xff\xfe\n\n\0", 7); }
  SUBCASE("text") { garbage = "hello\nhttps://\nhttp://host\nHTTPS://UPPER.example:443\nhttps://a.example:99999\n"; }
  SUBCASE("a path, a user") { garbage = "https://a.example:443/x\nhttps://me@a.example:443\n"; }
  SUBCASE("lines that end as elsewhere") { garbage = "https://a.example:443\r\n"; }
  SUBCASE("a cut line") { garbage = "https://a.exam"; }
  write("https://tunnel.example:443\n" + garbage);
  {
    const KnownBrokers known = open();
    CHECK(known.spoke_mux(broker("https://tunnel.example")));
    CHECK_FALSE(known.spoke_mux(broker("https://a.example")));
  }
  CHECK(warnings() == 1);
  open().on_spoke_mux(broker("https://another.example"));
  log.lines.clear();
  CHECK(knows("https://tunnel.example"));
  CHECK(knows("https://another.example"));
  CHECK(warnings() == 0);
}

TEST_CASE_FIXTURE(StateTest, "what is no file of a sensible size is ignored with one warning, without a wait") {
  SUBCASE("endless") { write("https://tunnel.example:443\n" + std::string(rules::known_brokers_bytes, '\n')); }
  SUBCASE("a folder") { fs::create_directories(file); }
  SUBCASE("a pipe") {
    fs::create_directories(folder);
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  }
  CHECK_FALSE(knows("https://tunnel.example"));
  CHECK(warnings() == 1);
}

TEST_CASE_FIXTURE(StateTest, "where nothing can be kept this process knows all the same, and that is no error") {
  std::string place;
  SUBCASE("no home") {}
  SUBCASE("a file in its place") { place = directory.write("file", ""); }
  SUBCASE("below a file") { place = directory.write("file", "") + "/deep"; }
  SUBCASE("a folder that cannot be written") { place = "/proc/tenfold"; }
  KnownBrokers known(log, place);
  known.on_spoke_mux(broker("https://tunnel.example"));
  CHECK(known.spoke_mux(broker("https://tunnel.example")));
  CHECK(warnings() == 0);
  CHECK_FALSE(KnownBrokers(log, place).spoke_mux(broker("https://tunnel.example")));
}

TEST_CASE_FIXTURE(StateTest, "a write that fails leaves what was there, and nothing beside it") {
  // rename() cannot put a file in a folder's place.
  fs::create_directories(file + "/full");
  open().on_spoke_mux(broker("https://tunnel.example"));
  CHECK(fs::is_directory(file));
  CHECK(std::distance(fs::directory_iterator(folder), fs::directory_iterator()) == 1);
}

}  // namespace
}  // namespace tenfold
