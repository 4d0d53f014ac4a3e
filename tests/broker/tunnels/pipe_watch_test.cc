// Apps that serve one connection at a time, and visitors who hold a pipe that others wait for.
#include <doctest/doctest.h>

#include "../../mux/link_pair.h"
#include "broker/classic/classic_tunnel.h"
#include "broker/link/link_tunnel.h"
#include "public_rig.h"
#include "tunnels/wanting.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;
using tenfold::test::LinkPair;

namespace {

struct Watched final : PipeWatch::Owner {
  void on_app_stuck() override { ++stuck; }
  bool someone_waits() const override { return waits; }
  TestRuntime rt;
  PipeWatch watch{rt.runtime, *this};
  int stuck = 0;
  bool waits = false;
};

}  // namespace

TEST_CASE("a request without an answer for a while makes the idle pipes suspect") {
  Watched app;
  Wanting one;
  app.watch.asked(one);
  app.rt.pass(limits::app_stuck_time - 1ms);
  CHECK(app.stuck == 0);
  CHECK_FALSE(app.watch.app_stuck());
  app.rt.pass(1ms);
  CHECK(app.stuck == 1);
  CHECK(app.watch.app_stuck());
  app.watch.answered(one);
  CHECK_FALSE(app.watch.app_stuck());
}

TEST_CASE(
    "an answer to a later request gives the earlier ones their time again, an answer to an earlier one does not") {
  Watched app;
  Wanting first, slow, quick;
  app.watch.asked(first);
  app.watch.asked(slow);
  app.rt.pass(limits::app_stuck_time * 3 / 4);
  app.watch.answered(first);
  app.watch.asked(quick);
  app.watch.answered(quick);
  app.rt.pass(limits::app_stuck_time * 3 / 4);
  CHECK(app.stuck == 0);
  CHECK_FALSE(app.watch.app_stuck());
  app.rt.pass(limits::app_stuck_time / 4);
  CHECK(app.stuck == 1);

  Watched other;
  Wanting one, two;
  other.watch.asked(one);
  other.watch.asked(two);
  other.rt.pass(limits::app_stuck_time * 3 / 4);
  other.watch.answered(one);
  other.rt.pass(limits::app_stuck_time / 4);
  CHECK(other.stuck == 1);
}

TEST_CASE("whoever waits on is looked at again, also after others were answered") {
  Watched app;
  Wanting one, two;
  app.watch.asked(one);
  app.watch.asked(two);
  app.rt.pass(limits::app_stuck_time);
  CHECK(app.stuck == 1);
  app.watch.answered(two);  // accepted before the one that was asked first
  app.rt.pass(limits::app_stuck_time);
  CHECK(app.stuck == 2);
  app.watch.answered(one);
  app.rt.pass(10 * limits::app_stuck_time);
  CHECK(app.stuck == 2);
  CHECK(app.rt.timers.size() == 0);
}

TEST_CASE("an answered or ended request is no longer waited for") {
  Watched app;
  {
    Wanting gone;
    app.watch.asked(gone);
  }
  Wanting answered;
  app.watch.asked(answered);
  app.watch.answered(answered);
  app.rt.pass(10 * limits::app_stuck_time);
  CHECK(app.stuck == 0);
}

TEST_CASE("a visitor who takes nothing stays while nobody waits, and goes when somebody does") {
  Watched app;
  Wanting first, second;
  app.watch.stands(first);
  app.rt.pass(1s);
  app.watch.stands(second);
  app.rt.pass(10 * limits::reader_stands);
  app.watch.make_room();
  CHECK_FALSE(first.evicted);
  app.waits = true;
  app.watch.make_room();
  CHECK(first.evicted);
  CHECK_FALSE(second.evicted);
  // The pipe serves who waited.
  app.waits = false;
  app.rt.pass(1s);
  CHECK_FALSE(second.evicted);
}

TEST_CASE("whoever has just stopped reading has his time, and loses his place in that row by reading") {
  Watched app;
  app.waits = true;
  Wanting one, two;
  app.watch.stands(one);
  app.watch.make_room();
  app.rt.pass(limits::reader_stands - 1ms);
  CHECK_FALSE(one.evicted);
  app.watch.moves(one);
  app.watch.stands(one);
  app.rt.pass(limits::reader_stands - 1ms);
  CHECK_FALSE(one.evicted);
  app.rt.pass(1ms);
  CHECK(one.evicted);
}

TEST_CASE("on a link an idle pipe is closed, and none kept, while the app does not answer a fresh one") {
  LinkPair pair;
  LinkPipes pipes(pair.rt.runtime, *pair.broker.link);
  pair.broker.on_room = [&] { pipes.serve(); };
  auto tunnel = std::make_shared<LinkTunnel>(pair.rt.runtime, "myapp", pipes);
  pair.pump();
  Wanting one, two, three;
  tunnel->open(one);
  tunnel->open(two);
  tunnel->open(three);
  for (Wanting* wanting : {&one, &two, &three}) wanting->upstream.note_asked(*wanting);
  one.upstream.note_answered(one);
  Upstream::give_back(std::move(one.upstream));
  CHECK(tunnel->connected() == 3);
  pair.rt.pass(limits::app_stuck_time);
  CHECK(tunnel->connected() == 2);
  // The app answers the second now: it is closed, too, for the third still waits.
  two.upstream.note_answered(two);
  Upstream::give_back(std::move(two.upstream));
  CHECK(tunnel->connected() == 1);
  three.upstream.note_answered(three);
  Upstream::give_back(std::move(three.upstream));
  CHECK(tunnel->connected() == 1);
  tunnel = nullptr;
  pair.rt.graveyard.clear();
}

TEST_CASE("on a full link a visitor who takes nothing makes room for one who waits") {
  LinkOptions options;
  options.max_streams = 2;
  LinkPair pair(options);
  LinkPipes pipes(pair.rt.runtime, *pair.broker.link);
  pair.broker.on_room = [&] { pipes.serve(); };
  auto tunnel = std::make_shared<LinkTunnel>(pair.rt.runtime, "myapp", pipes);
  pair.pump();
  Wanting stands, moves, waits;
  tunnel->open(stands);
  tunnel->open(moves);
  stands.upstream.note_reader(stands, true);
  pair.rt.pass(1s);
  tunnel->open(waits);
  CHECK_FALSE(waits.upstream);
  pair.rt.pass(limits::reader_stands - 1s);
  CHECK(stands.evicted);
  stands.upstream.drop(ErrorKind::cancelled);
  pair.pump();
  CHECK(waits.upstream);
  CHECK_FALSE(moves.evicted);
  for (Wanting* wanting : {&moves, &waits}) wanting->upstream.drop(ErrorKind::cancelled);
  tunnel = nullptr;
  pair.rt.graveyard.clear();
}

TEST_CASE("a visitor who is asked to go is cut, and the log says why") {
  Rig rig;
  rig.browser_says("GET / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n");
  rig.browser->hold_back = true;
  rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n" + std::string(4 * 1024 * 1024, 'x'));
  rig.tunnel->waits = true;
  rig.rt.pass(limits::reader_stands + 1s);
  rig.tunnel->note_waiting();
  rig.pump();
  CHECK(rig.browser->cut);
  CHECK(rig.app().cut);
  bool said = false;
  for (const std::string& line : rig.rt.log.lines) said |= line.find("limit=reader-stands") != std::string::npos;
  CHECK(said);
}
