// The access log's file: batches, a file that was renamed, a disk that is full.
#include "broker/admin/access_log.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "support/test_runtime.h"

using namespace tenfold;
using namespace tenfold::broker;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

struct Fixture {
  std::string folder = std::filesystem::temp_directory_path() / ("tenfold-access-" + std::to_string(getpid()));
  std::string path = folder + "/access.log";
  tenfold::test::TestRuntime rt;

  Fixture() { std::filesystem::create_directories(folder); }
  ~Fixture() { std::filesystem::remove_all(folder); }

  RequestRecord record(std::string_view target) {
    RequestRecord made;
    made.begin(rt.runtime.now(), "id", "203.0.113.9:1");
    made.keep_request({"GET", target, 1, {}, "myapp.example.test"});
    made.tunnel = "myapp";
    made.ended = rt.runtime.now();
    return made;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "lines are appended to the file, which its group may read and no other") {
  std::ofstream(path) << "before\n";
  {
    auto file = AccessLogFile::open(rt.runtime, path, true);
    REQUIRE(file);
    for (int i = 0; i < 1000; ++i) (*file)->add(record("/" + std::to_string(i)));
  }
  const std::string text = text_of(path);
  CHECK(text.starts_with("before\n{\"time\":\"20"));
  CHECK(lines_of(text) == 1001);
  CHECK(text.find("\"path\":\"/999\"") != std::string::npos);
  std::filesystem::remove(path);
  { CHECK(AccessLogFile::open(rt.runtime, path, true)); }
  struct stat made {};
  REQUIRE(stat(path.c_str(), &made) == 0);
  CHECK((made.st_mode & 0137) == 0);
}

TEST_CASE_FIXTURE(Fixture, "after a rename the lines go on in a new file") {
  auto file = AccessLogFile::open(rt.runtime, path, true);
  REQUIRE(file);
  (*file)->add(record("/first"));
  (*file)->flush();
  std::filesystem::rename(path, path + ".1");
  (*file)->add(record("/second"));
  CHECK_FALSE((*file)->reopen());
  (*file)->add(record("/third"));
  (*file)->flush();
  CHECK(lines_of(text_of(path + ".1")) + lines_of(text_of(path)) == 3);
  CHECK(text_of(path + ".1").find("/first") != std::string::npos);
  CHECK(text_of(path).find("/third") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a file that cannot be opened again leaves the lines where they went") {
  auto file = AccessLogFile::open(rt.runtime, path, true);
  REQUIRE(file);
  std::filesystem::rename(folder, folder + ".away");
  const Error error = (*file)->reopen();
  CHECK(error.kind == ErrorKind::io);
  CHECK(error.detail.starts_with(path + ": "));
  (*file)->add(record("/still"));
  (*file)->flush();
  CHECK(text_of(folder + ".away/access.log").find("/still") != std::string::npos);
  std::filesystem::rename(folder + ".away", folder);
}

TEST_CASE_FIXTURE(Fixture, "a full disk drops lines, which are counted and logged, and nothing stops") {
  auto file = AccessLogFile::open(rt.runtime, "/dev/full", true);
  REQUIRE(file);
  for (int i = 0; i < 10; ++i) (*file)->add(record("/x"));
  (*file)->flush();
  CHECK((*file)->dropped() == 10);
  for (int i = 0; i < 10; ++i) (*file)->add(record("/y"));
  (*file)->flush();
  CHECK((*file)->dropped() == 20);
  REQUIRE(rt.log.lines.size() == 1);
  CHECK(rt.log.lines[0].find("access-log-dropped") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a path that cannot be had is an error at the start") {
  const auto file = AccessLogFile::open(rt.runtime, folder + "/none/access.log", true);
  REQUIRE_FALSE(file);
  CHECK(file.error().detail.find("/none/access.log: no such file or directory") != std::string::npos);
}
