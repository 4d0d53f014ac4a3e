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
  // `wild`: once in so many frames it says what no client may.
  Sayer(std::uint32_t seed, std::size_t wild) : random_(seed), wild_(wild) {}

  std::size_t pick(std::size_t n) { return random_() % n; }

  std::string frame() {
    if (pick(wild_) == 0) return wild_frame();
    switch (pick(12)) {
      case 0:
      case 1:
      case 2: return request();
      case 3: return upgrade();
      case 4:
      case 5:
      case 6: return data();
      case 7: return opened_.empty() || pick(3) != 0 ? data() : raw::reset(any(), 8);
      case 8:
        return raw::open_window(opened_.empty() || pick(2) == 0 ? 0 : any(),
                                static_cast<std::uint32_t>(1 + pick(100'000)));
      case 9: return raw::frame(raw::settings, 0, 0, raw::setting(4, static_cast<std::uint32_t>(pick(200'000))));
      case 10: return raw::frame(raw::ping, static_cast<std::uint8_t>(pick(2)), 0, std::string(8, '\0'));
      default: return raw::frame(static_cast<std::uint8_t>(pick(20) + 30), 0, 0, "unknown");
    }
  }

 private:
  std::uint8_t flags() { return static_cast<std::uint8_t>(pick(2)); }
  std::uint32_t any() { return opened_[pick(opened_.size())]; }
  std::uint32_t open(std::uint8_t how) {
    const std::uint32_t id = std::exchange(next_, next_ + 2);
    opened_.push_back(id);
    if ((how & raw::end_stream) == 0) flowing_.push_back(id);
    return id;
  }

  std::string request() {
    constexpr std::string_view paths[] = {"/hello", "/big?50000", "/echo", "/take",  "/deaf", "/trailers",
                                          "/hints", "/cut",       "/late", "/empty", "/lost", "/big?500000"};
    const std::string_view method = pick(3) == 0 ? "GET" : "POST";
    const std::uint8_t how = flags();
    return raw::head(open(how),
                     {{":method", method},
                      {":scheme", pick(20) == 0 ? "ftp" : "https"},
                      {":authority", pick(20) == 0 ? "a..b" : "site.example"},
                      {pick(30) == 0 ? ":wrong" : ":path", paths[pick(std::size(paths))]}},
                     how);
  }
  std::string upgrade() {
    constexpr std::string_view paths[] = {"/chat", "/wrong", "/forbidden", "/plain"};
    const std::uint8_t how = flags();
    return raw::head(open(how),
                     {{":method", "CONNECT"},
                      {":protocol", pick(2) == 0 ? "websocket" : "other"},
                      {":scheme", "https"},
                      {":authority", "site.example"},
                      {":path", paths[pick(4)]}},
                     how);
  }
  // Of a stream that has not ended, or was reset by the server meanwhile: its last frame, or not.
  std::string data() {
    if (flowing_.empty()) return request();
    const std::size_t at = pick(flowing_.size());
    const std::uint32_t id = flowing_[at];
    const std::size_t how = pick(6);
    if (how > 1) return raw::frame(raw::data, 0, id, std::string(pick(2000), 'd'));
    flowing_.erase(flowing_.begin() + static_cast<std::ptrdiff_t>(at));
    if (how == 0) return raw::head(id, {{"x-sum", "1"}}, raw::end_stream);
    return raw::frame(raw::data, raw::end_stream, id, std::string(pick(2000), 'd'));
  }
  std::string wild_frame() {
    const auto id = static_cast<std::uint32_t>(pick(next_ + 4));
    switch (pick(5)) {
      case 0: return raw::frame(raw::data, flags(), id, std::string(pick(3000), 'd'));
      case 1: return raw::head(id, {{"x-sum", "1"}}, flags());
      case 2: return raw::reset(id, static_cast<std::uint32_t>(pick(14)));
      case 3: return raw::frame(raw::goaway, 0, 0, std::string(8, '\0'));
      default: return std::string(pick(30), '\x05');
    }
  }

  std::mt19937 random_;
  std::size_t wild_;
  std::uint32_t next_ = 1;
  std::vector<std::uint32_t> opened_;
  std::vector<std::uint32_t> flowing_;  // ... that it has not ended
};

}  // namespace

TEST_CASE("anything that a client says and a site does leaves nothing behind") {
  for (std::uint32_t seed = 1; seed <= 600; ++seed) {
    CAPTURE(seed);
    Sayer say(seed, seed % 4 == 0 ? 50 : 100'000);
    ServerRig rig({}, say.pick(3) == 0 ? 1 + say.pick(200) : static_cast<std::size_t>(-1));
    RawClient client(rig, raw::setting(4, 20'000));
    client.say(raw::frame(raw::settings, raw::ack, 0));
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
    Sayer say(seed, 200);
    ServerRig rig;
    RawClient client(rig, raw::setting(4, 20'000));
    for (std::size_t n = say.pick(20); n != 0; --n) client.say(say.frame());
    rig.connection.reset();
    rig.pass(24h);
  }
}
