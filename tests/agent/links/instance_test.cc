// What an agent calls itself: the same after a restart with the same command, and never the same for two at once.
#include "agent/links/instance.h"

#include <doctest/doctest.h>

#include <memory>

#include "support/test_certificate.h"
#include "support/test_runtime.h"

namespace tenfold::test {
namespace {

struct Folder {
  TemporaryDirectory directory;
  RecordingLog log;
  std::string state = directory.path() + "/a/state";
  std::unique_ptr<Instance> start(const std::string& subject) {
    return std::make_unique<Instance>(log, state, subject);
  }
};

TEST_CASE("a command that is started again is the same instance, and another command another one") {
  Folder folder;
  const std::string first = folder.start("broker web")->text();
  CHECK(first.size() == 32);
  CHECK(folder.start("broker web")->text() == first);
  const std::string other = folder.start("broker api")->text();
  CHECK(other != first);
  CHECK(folder.start("broker api")->text() == other);
}

TEST_CASE("a second copy that runs at the same time is an instance of its own") {
  Folder folder;
  auto first = folder.start("broker web");
  const auto second = folder.start("broker web");
  const auto third = folder.start("broker web");
  const auto beside = folder.start("broker api");
  CHECK(second->text() != first->text());
  CHECK(third->text() != first->text());
  CHECK(third->text() != second->text());
  const std::string kept = first->text();
  first = nullptr;
  CHECK(folder.start("broker web")->text() == kept);
}

TEST_CASE("without a file that can be used an instance is random") {
  Folder folder;
  SUBCASE("no folder") { folder.state.clear(); }
  SUBCASE("a file in the folder's place") { folder.directory.write("a", "text"); }
  SUBCASE("a folder in the file's place") { make_folders(folder.state + "/instance"); }
  const std::string first = folder.start("broker web")->text();
  CHECK(first.size() == 32);
  CHECK(folder.start("broker web")->text() != first);
}

TEST_CASE("two machines with the same command are two instances") {
  Folder one;
  Folder two;
  CHECK(one.start("broker web")->text() != two.start("broker web")->text());
}

}  // namespace
}  // namespace tenfold::test
