#include "agent/forward/visitor_pipe.h"

#include <doctest/doctest.h>

#include <random>

#include "agent/rules.h"
#include "base/limits.h"
#include "links/agent_fixture.h"

namespace tenfold {
namespace {

const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string no_content = "HTTP/1.1 204 No Content\r\n\r\n";
const std::string no_http = "\x16\x03\x01\r\n";  // nobody knows whose turn it is

// What stands behind the pipe: keeps the bytes, and credits them when told to.
class Sink final : public Duplex::Handler {
 public:
  explicit Sink(Duplex& pipe) : pipe_(pipe) {}
  void on_data(Bytes bytes) override {
    text += to_text(bytes);
    held += bytes.size();
    if (pause_after_each) pipe_.set_handler(nullptr);
  }
  void on_end() override { ended = true; }
  void on_sent(std::size_t n) override { sent += n; }
  void on_closed(const Error& error) override {
    closed = true;
    why = error;
  }
  void credit(std::size_t n) {
    held -= n;
    pipe_.credit(n);
  }
  std::string take() { return std::exchange(text, {}); }

  std::string text;
  std::size_t held = 0;
  std::size_t sent = 0;
  bool ended = false, closed = false, pause_after_each = false;
  Error why;

 private:
  Duplex& pipe_;
};

struct VisitorPipeFixture {
  test::TestRuntime test;
  test::MemoryPipe memory{test.runtime, 64 * 1024};
  test::Peer visitor{test.runtime};
  std::unique_ptr<HttpPass> pass;
  std::unique_ptr<VisitorPipe> pipe;
  std::unique_ptr<Sink> sink;
  int half_closed = 0;

  void make(HttpPass::Changes changes, VisitorPipe::Ends ends = VisitorPipe::Ends::apart) {
    visitor.attach(memory.take_left());
    pass = std::make_unique<HttpPass>(std::move(changes), nullptr);
    pipe = std::make_unique<VisitorPipe>(test.runtime, memory.take_right(), *pass, ends, [this] { ++half_closed; });
    sink = std::make_unique<Sink>(*pipe);
    pipe->set_handler(sink.get());
  }
  void rewrite(std::string host) { make({.host = std::move(host)}); }
  // What the app says, read first by the pass.
  void answer(std::string_view text) {
    pass->on_answer(to_bytes(text));
    pipe->write(to_bytes(text));
  }
  void pump() {
    for (int i = 0; i < 10; ++i) {
      memory.pump();
      test.pass(0s);
    }
  }
};

TEST_CASE_FIXTURE(VisitorPipeFixture, "where nothing is changed bytes, ends and credit go straight through") {
  make({});
  visitor.say("hello");
  visitor.end();
  pump();
  CHECK(sink->text == "hello");
  CHECK(sink->ended);
  CHECK(memory.right_uncredited() == 5);
  sink->credit(5);
  CHECK(memory.right_uncredited() == 0);
  pipe->write(to_bytes("bye"));
  pipe->end();
  pump();
  CHECK(visitor.received == "bye");
  CHECK(sink->sent == 3);
  CHECK(sink->closed);
}

TEST_CASE_FIXTURE(VisitorPipeFixture, "a longer Host never lets more pile up than the window's share") {
  rewrite(std::string(200, 'h'));
  std::string all;
  for (int i = 0; i < 40000; ++i) all += request;  // 1 MB
  visitor.say(all);
  std::size_t most = 0;
  while (true) {
    memory.pump();
    most = std::max(most, sink->held);
    if (sink->held == 0) break;
    sink->credit(std::min<std::size_t>(sink->held, 5000));
  }
  // 64 KiB of requests of 27 bytes, each of 226 bytes behind the pass.
  CHECK(most > 64 * 1024);
  CHECK(most <= 64 * 1024 / request.size() * 227 + 1000);
  CHECK(sink->text.size() == 40000 * (request.size() + 199));
  CHECK(memory.right_uncredited() == 0);
}

TEST_CASE_FIXTURE(VisitorPipeFixture, "a shorter Host gives all credit back") {
  rewrite("x");
  std::random_device device;
  const std::uint64_t seed = device();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::string one =
      "POST / HTTP/1.1\r\nHost: " + std::string(200, 'l') + "\r\nContent-Length: 10\r\n\r\n0123456789";
  for (int i = 0; i < 3000; ++i) visitor.say(one);
  std::size_t total = 0;
  for (int i = 0; i < 100000; ++i) {
    if (!memory.step(1 + random() % 3000) && sink->held == 0) break;
    if (sink->held != 0) {
      const std::size_t n = 1 + random() % sink->held;
      total += n;
      sink->credit(n);
    }
  }
  CHECK(total == 3000 * (one.size() - 199));
  CHECK(memory.right_uncredited() == 0);
}

TEST_CASE_FIXTURE(VisitorPipeFixture,
                  "what waits behind an upgrade goes on when the app has agreed, in a turn of its own") {
  rewrite("h");
  visitor.say("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\nEARLY");
  visitor.end();
  pump();
  CHECK(sink->take() == "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n");
  CHECK_FALSE(sink->ended);
  answer("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  CHECK(sink->text.empty());
  pump();
  CHECK(sink->text == "EARLY");
  CHECK(sink->ended);
  sink->credit(sink->held);
  CHECK(memory.right_uncredited() == 0);
}

TEST_CASE_FIXTURE(VisitorPipeFixture, "a handler that pauses between two requests loses nothing") {
  rewrite("h");
  sink->pause_after_each = true;
  visitor.say(request + request + request);
  visitor.end();
  for (int i = 0; i < 3; ++i) {
    pump();
    CHECK(sink->take() == "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK_FALSE(sink->ended);
    pipe->set_handler(sink.get());
  }
  pump();
  CHECK(sink->ended);
}

TEST_CASE_FIXTURE(VisitorPipeFixture, "what cannot be read cuts the pipe, with a line in the log") {
  rewrite("h");
  visitor.say("GET / HTTP/1.1\nHost: x\n\n");
  pump();
  CHECK(sink->text.empty());
  CHECK(sink->closed);
  CHECK(sink->why.kind == ErrorKind::protocol);
  CHECK(visitor.closed);
  REQUIRE(test.log.lines.size() == 1);
  CHECK(test.log.lines[0].starts_with("reject reason="));
  pipe->credit(0);
  pipe->write(to_bytes("nobody hears this"));
}

TEST_CASE_FIXTURE(VisitorPipeFixture, "a visitor's cut goes through at once, whatever waits") {
  rewrite("h");
  visitor.say("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\nEARLY");
  pump();
  visitor.cut();
  pump();
  CHECK(sink->closed);
  CHECK(sink->why.kind == ErrorKind::io);
}

TEST_CASE_FIXTURE(VisitorPipeFixture,
                  "an opaque pipe that ends as one is over when one side ended and nobody says a word") {
  make({}, VisitorPipe::Ends::as_one);
  visitor.say(no_http);
  pump();
  sink->credit(sink->held);
  pipe->write(to_bytes("answer"));
  pump();
  SUBCASE("the visitor's side, answered long ago: at once") {
    test.pass(rules::classic_quiet);
    visitor.end();
    pump();
    CHECK(sink->ended);
  }
  SUBCASE("the visitor's side, answered just now") {
    visitor.end();
    pump();
    CHECK_FALSE(sink->closed);
    test.pass(rules::classic_quiet);
  }
  SUBCASE("the app's side") {
    pipe->end();
    pump();
    CHECK_FALSE(sink->closed);
    test.pass(rules::classic_quiet);
  }
  pump();
  CHECK(sink->closed);
  CHECK(sink->why.kind == ErrorKind::cancelled);
  CHECK(visitor.received == "answer");
  CHECK(visitor.ended);
}

TEST_CASE_FIXTURE(VisitorPipeFixture, "after the visitor's end the app finishes what it has to say") {
  make({}, VisitorPipe::Ends::as_one);
  visitor.say(no_http);
  pump();
  sink->credit(sink->held);
  test.pass(1min);  // it takes its time
  visitor.end();
  pump();
  for (int i = 0; i < 20; ++i) {
    test.pass(rules::classic_quiet - 1ms);
    CHECK_FALSE(sink->closed);
    pipe->write(to_bytes("more "));
    pump();
  }
  test.pass(rules::classic_quiet);
  CHECK(sink->closed);
  CHECK(visitor.received.size() == 100);
}

TEST_CASE_FIXTURE(VisitorPipeFixture, "a pipe that ends as one waits for who reads slowly, on either side") {
  make({}, VisitorPipe::Ends::as_one);
  visitor.say(no_http);
  pump();
  SUBCASE("the app") {
    visitor.end();
    pump();
    test.pass(1min);
    CHECK_FALSE(sink->closed);
    sink->credit(sink->held);
  }
  SUBCASE("the visitor") {
    sink->credit(sink->held);
    pipe->write(to_bytes("answer"));
    pipe->end();
    test.pass(1min);
    CHECK_FALSE(sink->closed);
    pump();
    CHECK(visitor.received == "answer");
  }
  test.pass(2 * rules::classic_quiet);
  CHECK(sink->closed);
}

TEST_CASE_FIXTURE(VisitorPipeFixture, "a pipe whose sides end apart waits for the other one, however long") {
  make({});
  visitor.say(request);
  visitor.end();
  pump();
  test.pass(1h);
  CHECK(sink->ended);
  CHECK_FALSE(sink->closed);
  pipe->write(to_bytes("late"));
  pump();
  CHECK(visitor.received == "late");
}

struct EndsAsOne : VisitorPipeFixture {
  EndsAsOne() {
    make({}, VisitorPipe::Ends::as_one);
    visitor.say(request);
    pump();
    sink->credit(sink->held);
  }
};

TEST_CASE_FIXTURE(EndsAsOne, "who said FIN behind a request is waited for as long as the app may take") {
  visitor.end();
  pump();
  CHECK(sink->ended);
  CHECK(half_closed == 1);
  test.pass(limits::first_byte_time - 1s);
  CHECK_FALSE(sink->closed);
  answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  pump();
  test.pass(limits::first_byte_time - 1s);
  CHECK_FALSE(sink->closed);
  answer("hello");
  pump();
  CHECK(visitor.received.ends_with("\r\n\r\nhello"));
  test.pass(rules::classic_quiet);
  CHECK(sink->closed);
}

TEST_CASE_FIXTURE(EndsAsOne, "... and not for ever") {
  visitor.end();
  pump();
  test.pass(limits::first_byte_time);
  CHECK(sink->closed);
}

TEST_CASE_FIXTURE(EndsAsOne, "... and only as long as a server may wait, where the agent leaves") {
  visitor.end();
  pump();
  test.pass(1min);
  answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  pump();
  pipe->leave();
  test.pass(limits::half_close_time - 1ms);
  CHECK_FALSE(sink->closed);
  test.pass(1ms);
  CHECK(sink->closed);
}

TEST_CASE_FIXTURE(EndsAsOne, "an app that ends without an answer has nothing more to say") {
  visitor.end();
  pipe->end();
  pump();
  test.pass(rules::classic_quiet);
  CHECK(sink->closed);
}

TEST_CASE_FIXTURE(EndsAsOne, "what is answered is not half closed") {
  answer(no_content);
  visitor.end();
  pump();
  CHECK(sink->ended);
  CHECK(half_closed == 0);
}

TEST_CASE_FIXTURE(EndsAsOne, "a pipe that leaves is over when its last answer has left") {
  answer(no_content);
  pipe->leave();
  pump();
  CHECK_FALSE(sink->closed);
  answer("late");
  pipe->end();
  CHECK_FALSE(sink->closed);
  pump();
  CHECK(visitor.received == no_content + "late");
  CHECK(visitor.ended);
  CHECK(sink->closed);
}

TEST_CASE_FIXTURE(VisitorPipeFixture, "a cut does not overtake what waits for a turn of its own") {
  rewrite("h");
  visitor.say("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n" + request);
  pump();
  sink->take();
  answer(no_content);
  visitor.cut();
  memory.pump();
  pump();
  CHECK(sink->text == "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(sink->closed);
  CHECK(sink->why.kind == ErrorKind::io);
}

}  // namespace
}  // namespace tenfold
