// A client that says anything that is nearly in order, to a site that answers at any time, with bytes cut anywhere.
// Held: no assertion fails, each stream has one last event, and nothing is left of a connection that has ended.
#include <doctest/doctest.h>

#include <random>
#include <string>

#include "base/limits.h"
#include "server_rig.h"

using namespace tenfold;
using namespace tenfold::test;

namespace {

class Sayer {
 public:
  explicit Sayer(std::uint32_t seed) : random_(seed) {}

  std::size_t pick(std::size_t n) { return random_() % n; }

  std::string frame() {
    switch (pick(14)) {
      case 0:
      case 1:
      case 2: return request();
      case 3: return upgrade();
      case 4:
      case 5: return raw::frame(raw::data, flags(), id(), std::string(pick(3000), 'd'));
      case 6: return raw::reset(id(), static_cast<std::uint32_t>(pick(14)));
      case 7: return raw::open_window(pick(2) == 0 ? 0 : id(), static_cast<std::uint32_t>(pick(100'000)));
      case 8: return raw::frame(raw::settings, 0, 0, raw::setting(4, static_cast<std::uint32_t>(pick(200'000))));
      case 9: return raw::frame(raw::ping, static_cast<std::uint8_t>(pick(2)), 0, std::string(8, '\0'));
      case 10: return raw::head(id(), {{"x-sum", "1"}}, flags());
      case 11: return raw::frame(static_cast<std::uint8_t>(pick(20) + 10), 0, id(), "unknown");
      case 12: return pick(20) == 0 ? raw::frame(raw::goaway, 0, 0, std::string(8, '\0')) : request();
      default: return pick(20) == 0 ? std::string(pick(30), '\x05') : request();
    }
  }

 private:
  std::uint8_t flags() { return static_cast<std::uint8_t>(pick(2)); }
  // Mostly of a stream that there is.
  std::uint32_t id() { return pick(10) == 0 ? 2 * static_cast<std::uint32_t>(pick(100)) : last(); }
  std::uint32_t last() {
    const std::uint32_t back = 2 * static_cast<std::uint32_t>(pick(5));
    return next_ > back + 2 ? next_ - 2 - back : 1;
  }
  std::uint32_t take_next() { return std::exchange(next_, next_ + 2); }

  std::string request() {
    constexpr std::string_view paths[] = {"/hello", "/big?50000", "/echo", "/take",  "/deaf", "/trailers",
                                          "/hints", "/cut",       "/late", "/empty", "/lost", "/big?500000"};
    const std::string_view method = pick(3) == 0 ? "GET" : "POST";
    return raw::head(take_next(),
                     {{":method", method},
                      {":scheme", pick(20) == 0 ? "ftp" : "https"},
                      {":authority", pick(20) == 0 ? "a..b" : "site.example"},
                      {pick(30) == 0 ? ":wrong" : ":path", paths[pick(std::size(paths))]}},
                     flags());
  }
  std::string upgrade() {
    constexpr std::string_view paths[] = {"/chat", "/wrong", "/forbidden", "/plain"};
    return raw::head(take_next(),
                     {{":method", "CONNECT"},
                      {":protocol", pick(2) == 0 ? "websocket" : "other"},
                      {":scheme", "https"},
                      {":authority", "site.example"},
                      {":path", paths[pick(4)]}},
                     flags());
  }

  std::mt19937 random_;
  std::uint32_t next_ = 1;
};

}  // namespace

TEST_CASE("anything that a client says and a site does leaves nothing behind") {
  for (std::uint32_t seed = 1; seed <= 600; ++seed) {
    CAPTURE(seed);
    Sayer say(seed);
    ServerRig rig({}, say.pick(3) == 0 ? 1 + say.pick(200) : static_cast<std::size_t>(-1));
    RawClient client(rig, raw::setting(4, 20'000));
    for (int step = 0; step < 60; ++step) {
      switch (say.pick(12)) {
        case 0: rig.site.answer_late(); break;
        case 1: rig.pass(std::chrono::seconds(say.pick(20))); break;
        case 2: rig.site.let_late_pause(say.pick(2) == 0); break;
        case 3: client.reads = say.pick(4) != 0; break;
        case 4:
          if (say.pick(30) == 0) rig.connection->drain();
          if (say.pick(60) == 0) rig.connection->end_now();
          if (say.pick(60) == 0) rig.client_end->end();
          break;
        default: {
          std::string burst;
          for (std::size_t n = say.pick(6); n != 0; --n) burst += say.frame();
          client.say(burst);
        }
      }
    }
    // Each way that a connection goes.
    rig.site.let_late_pause(false);
    switch (seed % 3) {
      case 0: rig.client_end->reset(ErrorKind::cancelled); break;
      case 1: rig.connection->end_now(); break;
      default: rig.client_end->end(); break;
    }
    rig.pump();
    rig.site.answer_late();
    rig.pass(24h);
    CHECK(rig.site.closed);
    CHECK(rig.connection->streams() == 0);
    rig.connection.reset();
    rig.client_end.reset();
    rig.site.forget();
    rig.rt.graveyard.clear();
    CHECK(rig.rt.timers.size() == 0);
  }
}

TEST_CASE("a connection that is destroyed at any time takes its streams along") {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    Sayer say(seed);
    ServerRig rig;
    RawClient client(rig, raw::setting(4, 20'000));
    for (std::size_t n = say.pick(20); n != 0; --n) client.say(say.frame());
    rig.connection.reset();
    rig.pass(24h);
  }
}
