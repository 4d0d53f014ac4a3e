// EventReader: reads the registry's stream of events over a connection of its own, since a read blocks until one comes.
// It goes on behind the last one that was read, over any number of connections. When the stream no longer holds that
// one, events may be missing: on_events_lost().
//
//   connected      still there            an event, or none for a while
//   ----> checking ------------> reading ---+
//             |                    ^  ^-----+
//             | not there          |
//             +-----> finding -----+  on_events_lost()
//                     the last one
//
// Owned by the directory; on the loop's thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/cluster/redis_client.h"
#include "proto/cluster.pb.h"

namespace tenfold::broker {

class EventReader final : private RedisCall, private RedisClient::Handler {
 public:
  class Handler {
   public:
    virtual void on_event(const cluster::Event& event) = 0;
    // Also once at the start, when events begin to be heard.
    virtual void on_events_lost() = 0;
    virtual void note_fault(std::string_view what) = 0;

   protected:
    ~Handler() = default;
  };

  EventReader(Runtime& runtime, RedisDialer& dialer, RedisClient::Options options, EventReader::Handler& handler);

  void start() { client_.start(); }
  // The registry may have lost the stream: looks after this read.
  void check_again() { check_wanted_ = true; }

 private:
  enum class State : std::uint8_t { checking, finding, reading };

  void on_reply(const RedisReply& reply) override;
  void on_away() override { retry(); }
  void on_redis_connected() override { check(); }
  void on_redis_away(const Error&) override {}
  void on_redis_back(Duration) override {}

  void check();
  void find_last();
  void read();
  void retry() { runtime_.timers.arm_in(retry_, rules::registry_retry); }
  void on_retry();
  void on_last(const RedisReply& reply);
  void on_entries(const RedisReply& reply);
  bool take_entry(const RedisReply& entry);

  Runtime& runtime_;
  EventReader::Handler& handler_;
  RedisClient client_;
  State state_ = State::checking;
  std::string last_;  // the id of the last event that was read; empty: none yet
  bool check_wanted_ = false;
  MemberTimer<EventReader, &EventReader::on_retry> retry_{*this};
};

}  // namespace tenfold::broker
