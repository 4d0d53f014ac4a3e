// Passwords against their hashes, on the pool's threads.
#include "broker/admission/password_pool.h"

#include <doctest/doctest.h>

#include <vector>

#include "base/limits.h"
#include "support/test_runtime.h"
#include "tls/password.h"

using namespace tenfold;
using namespace tenfold::broker;

namespace {

struct Asker final : PasswordCheck::Call {
  explicit Asker(Loop& l) : loop(l) {}
  void on_password(PasswordCheck::Verdict verdict) override {
    heard.push_back(verdict);
    loop.stop();
  }
  Loop& loop;
  std::vector<PasswordCheck::Verdict> heard;
};

struct World {
  test::RecordingLog log;
  Loop loop{log};
  PasswordPool pool{loop};
  VisitorLogin ann{"ann", "salt", password_hash("open sesame", "salt")};
};

}  // namespace

TEST_CASE("scrypt is RFC 7914's") {
  const std::string hash = password_hash("pleaseletmein", "SodiumChloride");
  CHECK(hash.size() == 32);
  // The first bytes of the RFC's third vector, section 12: N 16384, r 8, p 1.
  CHECK(hash.substr(0, 8) == "\x70\x23\xbd\xcb\x3a\xfd\x73\x48");
}

TEST_CASE("a password is checked off the loop, and its verdict remembered") {
  World world;
  Asker asker(world.loop);
  CHECK_FALSE(world.pool.ask(world.ann, "open sesame", asker));
  world.loop.run();
  CHECK(asker.heard == std::vector{PasswordCheck::Verdict::right});
  CHECK(world.pool.ask(world.ann, "open sesame", asker) == PasswordCheck::Verdict::right);
  CHECK_FALSE(world.pool.ask(world.ann, "wrong", asker));
  world.loop.run();
  CHECK(asker.heard.back() == PasswordCheck::Verdict::wrong);
  CHECK(world.pool.ask(world.ann, "wrong", asker) == PasswordCheck::Verdict::wrong);
  // Another salt is another question.
  VisitorLogin other = world.ann;
  other.salt = "pepper";
  CHECK_FALSE(world.pool.ask(other, "open sesame", asker));
  world.loop.run();
  CHECK(asker.heard.back() == PasswordCheck::Verdict::wrong);
}

TEST_CASE("many who ask the same are one check, and one who leaves hears nothing") {
  World world;
  Asker stays(world.loop);
  {
    Asker leaves(world.loop);
    CHECK_FALSE(world.pool.ask(world.ann, "open sesame", leaves));
    CHECK_FALSE(world.pool.ask(world.ann, "open sesame", stays));
  }
  world.loop.run();
  CHECK(stays.heard.size() == 1);
}

TEST_CASE("no more passwords are checked at once than there is memory for") {
  World world;
  std::vector<std::unique_ptr<Asker>> askers;
  for (std::size_t i = 0; i < limits::password_checks; ++i) {
    askers.push_back(std::make_unique<Asker>(world.loop));
    CHECK_FALSE(world.pool.ask(world.ann, std::to_string(i), *askers.back()));
  }
  Asker late(world.loop);
  CHECK(world.pool.ask(world.ann, "one more", late) == PasswordCheck::Verdict::busy);
}
