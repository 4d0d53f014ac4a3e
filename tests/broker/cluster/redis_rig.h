// A registry that a test plays: it hands out pipes instead of connections, reads commands and answers with bytes.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/cluster/redis_client.h"
#include "support/memory_pipe.h"
#include "support/test_runtime.h"

namespace tenfold::broker::test {

using tenfold::test::MemoryPipe;
using tenfold::test::TestRuntime;

// A bulk string of the protocol.
inline std::string bulk(const std::string& text) { return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"; }

class FakeRedis final : public RedisDialer, private Duplex::Handler {
 public:
  explicit FakeRedis(TestRuntime& runtime) : world_(runtime) {}

  void dial(RedisDialer::Handler& handler) override {
    ++dials;
    dialling_ = &handler;
  }
  void cancel() override { dialling_ = nullptr; }
  bool dialled() const { return dialling_ != nullptr; }

  // The dial succeeds; the greeting is answered unless `greets` is false.
  void accept(bool greets = true) {
    REQUIRE(dialling_ != nullptr);
    received.clear();
    pipe_ = std::make_unique<MemoryPipe>(world_.runtime);
    end_ = pipe_->take_right();
    end_->set_handler(this);
    std::exchange(dialling_, nullptr)->on_dialled(pipe_->take_left());
    pump();
    if (!greets) return;
    received.clear();
    say(":0\r\n");
  }
  void refuse() {
    REQUIRE(dialling_ != nullptr);
    std::exchange(dialling_, nullptr)->on_dialled(Error{ErrorKind::refused, "nothing listens", Origin::none});
    world_.graveyard.clear();
  }

  void say(const std::string& bytes, std::size_t chop = static_cast<std::size_t>(-1)) {
    end_->write(to_bytes(bytes));
    pump(chop);
  }
  void close() {
    end_->end();
    pump();
  }
  // What is due now, and what comes of it.
  void pump(std::size_t chop = static_cast<std::size_t>(-1)) {
    world_.timers.run(world_.timers.now(), &world_.graveyard);
    if (pipe_ != nullptr) pipe_->pump(chop);
    world_.timers.run(world_.timers.now(), &world_.graveyard);
    if (pipe_ != nullptr) pipe_->pump(chop);
  }
  bool connected() const { return pipe_ != nullptr && pipe_->left_alive(); }

  std::string take_received() { return std::exchange(received, {}); }

  std::string received;
  int dials = 0;

 private:
  void on_data(Bytes bytes) override {
    received += to_text(bytes);
    end_->credit(bytes.size());
  }
  void on_end() override {}
  void on_sent(std::size_t) override {}
  void on_closed(const Error&) override {}

  TestRuntime& world_;
  RedisDialer::Handler* dialling_ = nullptr;
  std::unique_ptr<MemoryPipe> pipe_;
  std::unique_ptr<Duplex> end_;
};

struct Asked final : RedisCall {
  void on_reply(const RedisReply& reply) override { replies.push_back(reply); }
  void on_away() override { ++away; }
  std::vector<RedisReply> replies;
  int away = 0;
};

struct ClientEvents final : RedisClient::Handler {
  void on_redis_connected() override { ++connected; }
  void on_redis_away(const Error& why) override { away.push_back(why); }
  void on_redis_back(Duration) override { ++back; }
  int connected = 0;
  std::vector<Error> away;
  int back = 0;
};

}  // namespace tenfold::broker::test
