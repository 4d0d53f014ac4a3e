// What all links of a process do together when too much is kept; on a real loop, over pipes in memory.
#include "broker/link/link_door.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/admission/admission.h"
#include "broker/tunnels/memory_registry.h"
#include "io/link_driver.h"
#include "mux/link_stream.h"
#include "proto/control.pb.h"
#include "support/memory_pipe.h"
#include "support/test_runtime.h"
#include "tunnels/wanting.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;
using tenfold::test::MemoryPipe;
using tenfold::test::RecordingLog;

namespace {

// An agent whose apps say a whole window of something at once.
struct Talking final : Link::Handler {
  Talking(Loop& loop, std::unique_ptr<Duplex> connection)
      : driver(loop, std::move(connection), Link::Role::agent, LinkOptions{}, *this) {
    driver.start({});
  }
  void on_link_stream(std::unique_ptr<LinkStream> stream) override {
    stream->accept();
    stream->write(to_bytes(std::string(limits::stream_window, 'x')));
    streams.push_back(std::move(stream));
  }
  void on_control(const control::ControlMessage& message) override { hears_drain = hears_drain || message.has_drain(); }
  void on_link_output() override {}
  void on_link_draining() override {}
  void on_link_closed(const Error&) override {}

  bool hears_drain = false;
  std::vector<std::unique_ptr<LinkStream>> streams;
  LinkDriver driver;
};

// A reader who takes nothing.
struct Standing final : Duplex::Handler {
  void on_data(Bytes bytes) override { held += bytes.size(); }
  void on_end() override {}
  void on_sent(std::size_t) override {}
  void on_closed(const Error&) override {}
  std::size_t held = 0;
};

struct Doors {
  explicit Doors(std::size_t memory_limit)
      : side{loop, registry, admission, tokens, "test", memory_limit}, door(side) {}
  ~Doors() {
    door.close();
    agents.clear();
    loop.runtime().graveyard.clear();
  }

  void link(const std::string& name) {
    const Result<Claim> claim = names.claim({name});
    REQUIRE(claim);
    pipes.push_back(std::make_unique<MemoryPipe>(loop.runtime()));
    LinkGrant grant{*claim, "https://" + name + ".example", {}, "203.0.113.1", ""};
    door.open_link(pipes.back()->take_left(), std::move(grant), "203.0.113.1:4000", {});
    agents.push_back(std::make_unique<Talking>(loop, pipes.back()->take_right()));
    turn();
  }
  void turn() {
    for (int i = 0; i < 10; ++i) {
      loop.post([this] { loop.post([this] { loop.stop(); }); });
      loop.run();
      for (const auto& pipe : pipes) pipe->pump();
    }
  }
  // What a reader of the tunnel makes the link hold.
  std::size_t held_for_one(const std::string& name) {
    Standing reader;
    Wanting wanting;
    names.find(name).tunnel->open(wanting);
    REQUIRE(wanting.upstream);
    wanting.upstream->set_handler(&reader);
    turn();
    return reader.held;
  }

  RecordingLog log;
  Loop loop{log};
  NameTable names{loop.runtime()};
  MemoryRegistry registry{loop.runtime(), names};
  Admission admission{loop.runtime(), {}};
  ResumeTokens tokens{{std::string(32, 'k')}};
  LinkSide side;
  LinkDoor door;
  std::vector<std::unique_ptr<MemoryPipe>> pipes;
  std::vector<std::unique_ptr<Talking>> agents;
};

}  // namespace

TEST_CASE("beyond the process's limit the streams of all links start small, those of new links, too") {
  Doors doors(8 * limits::MiB);
  doors.link("old");
  CHECK(doors.held_for_one("old") == limits::stream_window);
  {
    ByteQueue kept(doors.loop.runtime().blocks);
    kept.append(to_bytes(std::string(8 * limits::MiB, 'x')));
    doors.turn();
    CHECK(doors.held_for_one("old") == limits::stream_window_pressed);
    doors.link("young");
    CHECK(doors.held_for_one("young") == limits::stream_window_pressed);
  }
  CHECK(std::count_if(doors.log.lines.begin(), doors.log.lines.end(),
                      [](const std::string& line) { return line.find("memory-short") != std::string::npos; }) == 1);
}

TEST_CASE("a link that comes up while the broker goes down hears of it, as those before did") {
  Doors doors(8 * limits::MiB);
  doors.link("early");
  CHECK_FALSE(doors.agents[0]->hears_drain);
  doors.door.announce_drain(30s, 0s);
  doors.turn();
  CHECK(doors.agents[0]->hears_drain);
  doors.link("late");
  CHECK(doors.agents[1]->hears_drain);
}
