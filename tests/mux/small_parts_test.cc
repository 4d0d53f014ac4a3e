// The pure parts of a link, each by itself.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/flood_bucket.h"
#include "base/limits.h"
#include "http2/h2_code.h"
#include "http2/stream_table.h"
#include "http2/turn_list.h"
#include "http2/window_growth.h"
#include "mux/keepalive.h"
#include "mux/stream_head.h"

using namespace tenfold;

namespace {

constexpr TimePoint start = TimePoint{} + 100s;

}  // namespace

TEST_CASE("the error codes are those of RFC 9113") {
  CHECK(static_cast<int>(H2Code::no_error) == 0x0);
  CHECK(static_cast<int>(H2Code::protocol_error) == 0x1);
  CHECK(static_cast<int>(H2Code::internal_error) == 0x2);
  CHECK(static_cast<int>(H2Code::flow_control_error) == 0x3);
  CHECK(static_cast<int>(H2Code::settings_timeout) == 0x4);
  CHECK(static_cast<int>(H2Code::stream_closed) == 0x5);
  CHECK(static_cast<int>(H2Code::frame_size_error) == 0x6);
  CHECK(static_cast<int>(H2Code::refused_stream) == 0x7);
  CHECK(static_cast<int>(H2Code::cancel) == 0x8);
  CHECK(static_cast<int>(H2Code::compression_error) == 0x9);
  CHECK(static_cast<int>(H2Code::connect_error) == 0xa);
  CHECK(static_cast<int>(H2Code::enhance_your_calm) == 0xb);
  CHECK(static_cast<int>(H2Code::inadequate_security) == 0xc);
  CHECK(static_cast<int>(H2Code::http_1_1_required) == 0xd);
}

TEST_CASE("why a stream was cut survives the wire as far as the wire can say it") {
  CHECK(reset_code(ErrorKind::cancelled) == H2Code::cancel);
  CHECK(reset_code(ErrorKind::none) == H2Code::cancel);
  CHECK(reset_code(ErrorKind::refused) == H2Code::refused_stream);
  CHECK(reset_code(ErrorKind::unbegun) == H2Code::refused_stream);
  for (const ErrorKind broken : {ErrorKind::closed, ErrorKind::timeout, ErrorKind::io, ErrorKind::protocol}) {
    CHECK(reset_code(broken) == H2Code::connect_error);
  }
  CHECK(reset_kind(H2Code::cancel) == ErrorKind::cancelled);
  CHECK(reset_kind(H2Code::refused_stream) == ErrorKind::unbegun);
  CHECK(reset_kind(H2Code::connect_error) == ErrorKind::closed);
  CHECK(reset_kind(H2Code::protocol_error) == ErrorKind::protocol);
  CHECK(reset_kind(H2Code::enhance_your_calm) == ErrorKind::limit);
  CHECK(reset_kind(static_cast<H2Code>(0xdeadbeef)) == ErrorKind::closed);
  CHECK(std::string(to_string(H2Code::cancel)) == "CANCEL");
  CHECK(std::string(to_string(static_cast<H2Code>(99))) == "unknown code");
}

TEST_CASE("an open is a CONNECT with an authority of bearable length") {
  StreamHead head;
  head.start();
  CHECK_FALSE(head.opens());
  CHECK(head.take(":method", "CONNECT"));
  CHECK_FALSE(head.opens());
  CHECK(head.take(":authority", "blue-fox"));
  CHECK(head.take("tenfold-peer", "[2001:db8::1]:443"));
  CHECK(head.take("x-unknown", "is passed over"));
  CHECK(head.opens());
  CHECK(head.name() == "blue-fox");
  CHECK(head.peer() == "[2001:db8::1]:443");

  SUBCASE("another method is none") {
    CHECK(head.take(":method", "GET"));
    CHECK_FALSE(head.opens());
  }
  SUBCASE("a second peer is none") {
    CHECK(head.take("tenfold-peer", "192.0.2.1:1"));
    CHECK_FALSE(head.opens());
  }
  SUBCASE("a name that is too long is none") {
    head.start();
    head.take(":method", "CONNECT");
    head.take(":authority", std::string(limits::link_target_bytes + 1, 'a'));
    CHECK_FALSE(head.opens());
  }
  SUBCASE("the next head starts afresh") {
    head.start();
    CHECK(head.name().empty());
    CHECK_FALSE(head.opens());
  }
}

TEST_CASE("an answer other than 200 has a cause, named or from its status") {
  const auto cause = [](std::string_view status, std::string_view word) {
    StreamHead head;
    head.start();
    head.take(":status", status);
    if (!word.empty()) head.take("tenfold-cause", word);
    return head.cause();
  };
  CHECK(cause("502", "refused") == ErrorKind::refused);
  CHECK(cause("504", "timeout") == ErrorKind::timeout);
  CHECK(cause("502", "dns") == ErrorKind::dns);
  CHECK(cause("502", "tls") == ErrorKind::tls);
  CHECK(cause("502", "something-new") == ErrorKind::refused);
  CHECK(cause("502", "") == ErrorKind::refused);
  CHECK(cause("504", "") == ErrorKind::timeout);
  for (const ErrorKind kind : {ErrorKind::refused, ErrorKind::timeout, ErrorKind::dns, ErrorKind::tls}) {
    CHECK(cause("502", cause_word(kind)) == kind);
  }
}

TEST_CASE("a list of fields may weigh 64 KiB, with 32 for each field") {
  StreamHead head;
  head.start();
  const std::string value(1024 - 32 - 1, 'v');
  for (int i = 0; i < 64; ++i) CHECK(head.take("n", value));
  CHECK_FALSE(head.take("", ""));
  head.start();
  for (int i = 0; i < 2048; ++i) CHECK(head.take("", ""));
  CHECK_FALSE(head.take("", ""));
}

TEST_CASE("a bucket gives its burst at once, then its rate") {
  FloodBucket bucket(10, 5);
  TimePoint now = start;
  for (int i = 0; i < 10; ++i) CHECK(bucket.take(now));
  CHECK_FALSE(bucket.take(now));
  now += 199ms;
  CHECK_FALSE(bucket.take(now));
  now += 1ms;
  CHECK(bucket.take(now));
  CHECK_FALSE(bucket.take(now));
  now += 1h;  // no more than the burst is saved
  for (int i = 0; i < 10; ++i) CHECK(bucket.take(now));
  CHECK_FALSE(bucket.take(now));
}

TEST_CASE("turns go round, a quantum each, and what was not used is kept until there is nothing to send") {
  struct Sender : Turn {
    int name = 0;
  };
  TurnList list;
  Sender senders[3];
  for (int i = 0; i < 3; ++i) {
    senders[i].name = i;
    CHECK(TurnList::idle(senders[i]));
    list.push_back(senders[i]);
    CHECK_FALSE(TurnList::idle(senders[i]));
  }
  std::vector<int> order;
  for (int i = 0; i < 7; ++i) {
    auto& sender = static_cast<Sender&>(*list.front());
    order.push_back(sender.name);
    TurnList::begin(sender, 100);
    TurnList::begin(sender, 100);  // once a turn
    sender.deficit -= 70;
    list.rotate(sender);
  }
  CHECK(order == std::vector{0, 1, 2, 0, 1, 2, 0});
  CHECK(senders[0].deficit == 90);
  CHECK(senders[1].deficit == 60);
  TurnList::remove(senders[1]);
  CHECK(senders[1].deficit == 0);
  CHECK(TurnList::idle(senders[1]));
  TurnList::remove(senders[1]);
  list.push_front(senders[1]);
  CHECK(list.front() == &senders[1]);
  for (Sender& sender : senders) TurnList::remove(sender);
  CHECK(list.empty());
  CHECK(list.front() == nullptr);
}

TEST_CASE("the table of streams agrees with a map under random use") {
  std::mt19937 random(7);
  StreamTable<int> table;
  std::map<std::int32_t, int*> model;
  std::vector<int> values(4000);
  std::int32_t next = 1;
  for (int step = 0; step < 20'000; ++step) {
    if (model.empty() || (random() % 5 < 3 && model.size() < 300)) {
      next += 2 * static_cast<std::int32_t>(1 + random() % 64);  // ids are left out, too
      int* value = &values[random() % values.size()];
      table.insert(next, value);
      model[next] = value;
    } else {
      auto it = model.begin();
      std::advance(it, static_cast<std::ptrdiff_t>(random() % model.size()));
      table.remove(it->first);
      model.erase(it);
    }
    REQUIRE(table.size() == model.size());
    const auto probe = static_cast<std::int32_t>(1 + random() % static_cast<unsigned>(next));
    const auto found = model.find(probe);
    REQUIRE(table.find(probe) == (found == model.end() ? nullptr : found->second));
    if (step % 500 != 0) continue;
    for (const auto& [id, value] : model) REQUIRE(table.find(id) == value);
    std::size_t count = 0;
    table.for_each([&count](int&) { ++count; });
    REQUIRE(count == model.size());
  }
}

TEST_CASE("a peer is dead after two PINGs in a row without a byte from it") {
  Keepalive keepalive(5s, 2, start);
  TimePoint now = start;
  CHECK(keepalive.deadline() == start);
  CHECK(keepalive.on_time(now) == Keepalive::Act::ping);
  CHECK(keepalive.rtt() == Duration::zero());
  keepalive.on_pong(now + 30ms);
  CHECK(keepalive.rtt() == 30ms);
  CHECK(keepalive.on_time(now + 1s) == Keepalive::Act::nothing);
  CHECK(keepalive.deadline() == start + 5s);

  SUBCASE("silent") {
    CHECK(keepalive.on_time(now += 5s) == Keepalive::Act::ping);
    CHECK(keepalive.on_time(now += 5s) == Keepalive::Act::ping);
    CHECK(keepalive.on_time(now += 5s) == Keepalive::Act::dead);
  }
  SUBCASE("its answers stand behind bulk") {
    for (int i = 0; i < 10; ++i) {
      CHECK(keepalive.on_time(now += 5s) == Keepalive::Act::ping);
      keepalive.on_bytes(now);
    }
    CHECK(keepalive.rtt() == 30ms);
  }
  SUBCASE("one missed is forgiven") {
    for (int i = 0; i < 10; ++i) {
      CHECK(keepalive.on_time(now += 5s) == Keepalive::Act::ping);
      CHECK(keepalive.on_time(now += 5s) == Keepalive::Act::ping);
      keepalive.on_bytes(now);
      keepalive.on_pong(now + 1ms);
    }
  }
  SUBCASE("one answer behind bulk is no longer path, and a shorter one is believed") {
    CHECK(keepalive.on_time(now += 5s) == Keepalive::Act::ping);
    keepalive.on_pong(now + 900ms);
    CHECK(keepalive.rtt() == 37501us);
    CHECK(keepalive.on_time(now += 5s) == Keepalive::Act::ping);
    keepalive.on_pong(now + 20ms);
    CHECK(keepalive.rtt() == 20ms);
  }
  SUBCASE("an answer that nobody waits for says nothing") {
    keepalive.on_pong(now + 4s);
    CHECK(keepalive.rtt() == 30ms);
  }
}

TEST_CASE("of a quiet link's two ends one pings, and either finds the other dead within 17 s") {
  constexpr TimePoint start = TimePoint{} + 1h;
  constexpr Duration way = 20ms;
  Keepalive agent(5s, 2, start);
  Keepalive broker(5s, 2, start, true);
  int agents = 0;
  int brokers = 0;
  TimePoint now = start;
  // Each PING is heard after one way, and its answer after another.
  for (; now < start + 10min; now += 10ms) {
    if (agent.on_time(now, true) == Keepalive::Act::ping) {
      ++agents;
      broker.on_bytes(now + way);
      agent.on_bytes(now + 2 * way);
      agent.on_pong(now + 2 * way);
    }
    if (broker.on_time(now, true) == Keepalive::Act::ping) {
      ++brokers;
      agent.on_bytes(now + way);
      broker.on_bytes(now + 2 * way);
      broker.on_pong(now + 2 * way);
    }
  }
  CHECK(agents >= 110);
  CHECK(brokers <= 2);
  for (Keepalive* end : {&agent, &broker}) {
    TimePoint later = now;
    while (end->on_time(later, true) != Keepalive::Act::dead) later += 10ms;
    CHECK(later - now <= 17s);
  }
}

TEST_CASE("a window doubles while it drains as fast as the path lets it") {
  constexpr std::uint32_t begin = 256 * 1024;
  constexpr std::uint32_t most = 1024 * 1024;
  WindowGrowth growth(begin, start);
  TimePoint now = start + 10s;
  const WindowGrowth::Around path{100ms, 0, 16 * 1024 * 1024, 0, most};
  CHECK(growth.on_credit(begin, now, path) == 0);  // the stream was idle until now
  CHECK(growth.on_credit(begin - 1, now + 101ms, path) == 0);
  CHECK(growth.on_credit(1, now + 101ms, path) == begin);
  CHECK(growth.window() == 2 * begin);
  now += 101ms;

  SUBCASE("up to its most") {
    CHECK(growth.on_credit(2 * begin, now + 10ms, path) == 2 * begin);
    CHECK(growth.on_credit(4 * begin, now + 20ms, path) == 0);
    CHECK(growth.window() == most);
  }
  SUBCASE("in whatever bursts its bytes come") {
    CHECK(growth.on_credit(begin, now + 101ms, path) == 0);
    CHECK(growth.on_credit(begin, now + 101ms, path) == 2 * begin);
  }
  SUBCASE("not beyond a most that is no power of two times its start") {
    CHECK(growth.on_credit(2 * begin, now + 10ms, {100ms, 0, most, 0, 2 * begin + 5}) == 5);
  }
  SUBCASE("a half of it in each round trip, and with the time that its bytes take to pass") {
    CHECK(growth.on_credit(2 * begin, now + 204ms, path) == 2 * begin);
  }
  SUBCASE("not when it drains more slowly") { CHECK(growth.on_credit(2 * begin, now + 251ms, path) == 0); }
  SUBCASE("on a short path as well, by the time that two hosts take") {
    CHECK(growth.on_credit(2 * begin, now + 751us, {100us, 0, most, 0, most}) == 0);
    CHECK(growth.on_credit(2 * begin, now + 1501us, {100us, 0, most, 0, most}) == 2 * begin);
  }
  SUBCASE("in company of other streams what it grew by is not given on a short path, and nothing more grows there") {
    CHECK(growth.on_credit(2 * begin, now + 1us, {999us, 0, most, 0, most, true}) == 0);
    CHECK(growth.on_credit(2 * begin, now + 2us, {1ms, 0, most, 0, most, true}) == 2 * begin);
    growth = WindowGrowth(begin, start);
    growth.on_credit(begin, start + 1us, {100us, 0, most, 0, most});
    CHECK(growth.grant(999us, true) == begin);
    CHECK(growth.grant(999us, false) == 2 * begin);
    CHECK(growth.grant(1ms, true) == 2 * begin);
  }
  SUBCASE("not before the round trip is known") {
    CHECK(growth.on_credit(2 * begin, now + 10ms, {Duration::zero(), 0, most, 0, most}) == 0);
  }
  SUBCASE("not while the holder has a queue") {
    CHECK(growth.on_credit(begin, now + 10ms, {100ms, begin, most, 0, most}) == 0);
    CHECK(growth.on_credit(begin, now + 20ms, {100ms, begin / 2 + 1, most, 0, most}) == 0);
    CHECK(growth.on_credit(begin, now + 30ms, {100ms, begin, most, 0, most}) == 0);
    CHECK(growth.on_credit(begin, now + 30ms, {100ms, begin, most, 0, most}) == 0);
  }
  SUBCASE("though the holder has a queue for moments") {
    CHECK(growth.on_credit(begin, now + 10ms, {100ms, 0, most, 0, most}) == 0);
    CHECK(growth.on_credit(begin, now + 20ms, {100ms, 2 * begin, most, 0, most}) == 2 * begin);
  }
  SUBCASE("to what the path needed before, in one step, where the budget allows") {
    CHECK(growth.on_credit(2 * begin, now + 10ms, {100ms, 0, 6 * begin, 8 * begin, 16 * begin}) == 6 * begin);
    CHECK(growth.window() == 8 * begin);
  }
  SUBCASE("by as much as usual where it does not") {
    CHECK(growth.on_credit(2 * begin, now + 10ms, {100ms, 0, 6 * begin - 1, 8 * begin, 16 * begin}) == 2 * begin);
  }
  SUBCASE("not beyond the budget") {
    CHECK(growth.on_credit(2 * begin, now + 10ms, {100ms, 0, 2 * begin - 1, 0, most}) == 0);
    CHECK(growth.window() == 2 * begin);
  }
}
