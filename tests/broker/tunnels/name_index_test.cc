// NameIndex: what is in it is found, and nothing else, however it came to stand where it does.
#include "broker/tunnels/name_index.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <utility>

namespace tenfold::broker {
namespace {

struct Named {
  Named(std::string n, int i) : name(std::move(n)), number(i) {}
  std::string name;
  int number;
};

}  // namespace

TEST_CASE("entries are found by their names, and stay where they are") {
  NameIndex<Named> index;
  CHECK(index.find("blue-fox") == nullptr);
  Named& fox = index.insert(std::make_unique<Named>("blue-fox", 1));
  for (int i = 0; i < 1000; ++i) index.insert(std::make_unique<Named>("name-" + std::to_string(i), i));
  CHECK(index.find("blue-fox") == &fox);
  CHECK(index.find("name-999")->number == 999);
  CHECK(index.find("name-1000") == nullptr);
  CHECK(index.size() == 1001);
  index.erase("blue-fox");
  index.erase("blue-fox");
  CHECK(index.find("blue-fox") == nullptr);
  CHECK(index.size() == 1000);
}

TEST_CASE("whatever comes and goes, the index holds what a map holds") {
  std::mt19937 random(20);
  for (int round = 0; round < 20; ++round) {
    NameIndex<Named> index;
    std::map<std::string, int> map;
    for (int step = 0; step < 3000; ++step) {
      // Few names, so that each comes and goes often, and probes run into each other.
      const std::string name = "n" + std::to_string(random() % (10U << (round % 6)));
      if (random() % 2 == 0) {
        index.erase(name);
        map.erase(name);
      } else if (map.try_emplace(name, step).second) {
        index.insert(std::make_unique<Named>(name, step));
      }
      if (step % 50 != 0) continue;
      REQUIRE(index.size() == map.size());
      for (const auto& [known, number] : map) {
        REQUIRE(index.find(known) != nullptr);
        REQUIRE(index.find(known)->number == number);
      }
    }
  }
}

}  // namespace tenfold::broker
