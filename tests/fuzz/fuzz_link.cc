// A link whose peer says anything. Input: one octet (bit 0: the link is the agent, bit 1: the peer begins as a peer
// should), then steps: an octet that says what happens, and what belongs to it.
//
// Held: no assertion of the house or of a sanitizer fails; no event comes out of order; the link takes what it is given
// or ends; and when it has ended, nothing is left of its streams.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../support/test_runtime.h"
#include "base/limits.h"
#include "fuzz_support.h"
#include "mux/link.h"
#include "mux/link_stream.h"
#include "proto/control.pb.h"

namespace {

using namespace tenfold;
using fuzz::require;

struct Stream final : Duplex::Handler {
  std::unique_ptr<LinkStream> pipe;
  std::size_t waiting = 0;  // delivered and not credited
  bool ended = false;
  bool closed = false;  // or reset here: nothing more may be heard
  bool paused = false;  // at some time: it may hear of the past later than the link's owner

  void on_data(Bytes bytes) override {
    require(!ended && !closed, "no data behind the end");
    waiting += bytes.size();
  }
  void on_end() override {
    require(!ended && !closed, "one end");
    ended = true;
  }
  void on_sent(std::size_t) override { require(!closed, "nothing behind the last event"); }
  void on_closed(const Error&) override {
    require(!closed, "one last event");
    closed = true;
  }
};

struct Peered final : Link::Handler {
  std::vector<std::unique_ptr<Stream>> streams;
  bool closed = false;
  std::unique_ptr<Link> link;

  void add(std::unique_ptr<LinkStream> pipe) {
    streams.push_back(std::make_unique<Stream>());
    streams.back()->pipe = std::move(pipe);
    streams.back()->pipe->set_handler(streams.back().get());
  }
  void on_link_stream(std::unique_ptr<LinkStream> stream) override {
    require(!closed, "no stream behind the last event");
    stream->accept();
    add(std::move(stream));
  }
  void on_control(const control::ControlMessage&) override { require(!closed, "no message behind the last event"); }
  void on_link_output() override {}
  void on_link_draining() override {}
  void on_link_closed(const Error&) override {
    require(!closed, "one last event");
    closed = true;
    for (const auto& stream : streams) require(stream->paused || stream->closed, "streams hear of it first");
  }
};

// PRI…, SETTINGS, HEADERS of stream 1; and SETTINGS, its answer.
constexpr std::string_view broker_start(
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\x25\1\4\0\0\0\1"
    "\0\7:method\7CONNECT\0\12:authority\7control",
    24 + 9 + 9 + 17 + 20);
constexpr std::string_view agent_start("\0\0\0\4\0\0\0\0\0\0\0\1\1\4\0\0\0\1\x88", 9 + 9 + 1);

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  test::TestRuntime rt;
  Peered peered;
  const Link::Role role = (data[0] & 1) != 0 ? Link::Role::agent : Link::Role::broker;
  LinkOptions options;
  options.max_streams = 20;
  options.stream_window = options.stream_window_most = 1000;
  peered.link = std::make_unique<Link>(rt.runtime, role, options, peered);
  Link& link = *peered.link;
  std::vector<std::uint8_t> room(limits::flush_small);
  struct Nowhere final : Link::Output {
    void on_link_bytes(Bytes) override {}
  } nowhere;
  const auto take = [&] {
    for (int i = 0; i < 100 && link.take_output(room, nowhere) != 0; ++i) {
    }
  };
  take();
  if ((data[0] & 2) != 0) link.receive(to_bytes(role == Link::Role::agent ? broker_start : agent_start));

  Bytes rest(data + 1, size - 1);
  const auto next = [&rest]() -> std::uint8_t {
    if (rest.empty()) return 0;
    const std::uint8_t octet = rest[0];
    rest = rest.subspan(1);
    return octet;
  };
  const auto pick = [&peered, &next]() -> Stream* {
    const std::uint8_t which = next();
    return peered.streams.empty() ? nullptr : peered.streams[which % peered.streams.size()].get();
  };
  while (!rest.empty()) {
    const std::uint8_t step = next();
    switch (step >> 4) {
      case 0:
      case 1:
      case 2:
      case 3: {  // 1 to 64 octets from the peer, from memory of their own
        const std::size_t n = std::min<std::size_t>(step + 1U, rest.size());
        const std::vector<std::uint8_t> bytes(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(n));
        rest = rest.subspan(n);
        link.receive(bytes);
        break;
      }
      case 4: take(); break;
      case 5: rt.pass(std::chrono::milliseconds(next() * 40)); break;
      case 6:
        if (role == Link::Role::agent) break;
        if (auto stream = link.open_stream({"name", {}})) peered.add(std::move(*stream));
        break;
      case 7:
        if (Stream* stream = pick(); stream != nullptr && stream->pipe != nullptr) {
          stream->pipe->write(to_bytes(std::string(static_cast<std::size_t>(next()) * 20, 'x')));
        }
        break;
      case 8:
        if (Stream* stream = pick(); stream != nullptr && stream->pipe != nullptr) stream->pipe->end();
        break;
      case 9:
        if (Stream* stream = pick(); stream != nullptr && stream->pipe != nullptr) {
          stream->pipe->reset(ErrorKind::io);
          stream->closed = true;
        }
        break;
      case 10:
        if (Stream* stream = pick(); stream != nullptr && stream->pipe != nullptr) {
          stream->pipe->credit(std::exchange(stream->waiting, 0));
        }
        break;
      case 11:
        if (Stream* stream = pick()) {
          stream->pipe.reset();
          stream->closed = true;
        }
        break;
      case 12:
        if (Stream* stream = pick(); stream != nullptr && stream->pipe != nullptr) {
          stream->paused = true;
          stream->pipe->set_handler((step & 1) != 0 ? stream : nullptr);
        }
        break;
      case 13: link.send({}); break;
      case 14: link.drain(); break;
      default: link.close(); break;
    }
  }
  take();
  for (const auto& stream : peered.streams) {
    if (stream->pipe != nullptr) stream->pipe->set_handler(stream.get());
  }
  rt.pass(Duration::zero());
  link.end_of_input({ErrorKind::io, "the input is over"});
  rt.pass(Duration::zero());
  require(link.closed() && peered.closed, "a link ends with its transport");
  require(link.stats().streams == 0 && link.stats().bytes_queued == 0, "nothing is left of its streams");
  peered.streams.clear();
  peered.link.reset();
  rt.graveyard.clear();
  require(rt.blocks.blocks_in_use() == 0, "every block is back");
  return 0;
}
