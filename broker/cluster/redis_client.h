// RedisClient: one connection to the registry that is dialled again for ever. Commands go out in the order of the
// calls, all of a turn in one write; replies come in the same order.
//
//   class Size : public RedisCall { … };
//   RedisClient client(runtime, dialer, {"", "secret", 2}, handler);
//   client.start();
//   client.send(size, {"DBSIZE"});           // on_reply() or on_away(), later
//   client.run(change, script, {"key"}, {"argument"});
//   size.cancel();                            // or destroy it: its reply is skipped
//
// No event comes from inside send() or run(). A call is good for the next command from inside its own answer on.
//
// A call hears on_away() when its time is up. A lost connection does not end it: the command is sent again on the next
// one, so each must bear to be executed twice. While there is no connection, a command waits if the loss is younger
// than rules::registry_time, and fails at once otherwise.
//
//              dial()              connected           +OK, :0
//   resting ----------> dialling -----------> greeting -----------> open
//      ^                    |                     |                   |
//      +--------------------+---- backoff --------+-------------------+
//
// Owned by the directory; on the loop's thread. The dialer and the handler outlive it. Not to be destroyed from inside
// an event of its own or of a call.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/intrusive_list.h"
#include "base/runtime.h"
#include "broker/cluster/redis_codec.h"
#include "broker/cluster/redis_dialer.h"
#include "broker/rules.h"
#include "duplex.h"

namespace tenfold::broker {

class RedisClient;

// A script of the registry's and its name there, the SHA-1 of the text in lower-case hexadecimal digits.
struct RedisScript {
  std::string_view text;
  std::string_view digest;
};

// One command and its answer. Owned by who asks; destroying it, or cancel(), withdraws the question, but not the
// command: that may be under way.
class RedisCall : private ListHook, private Timer {
 public:
  // May be an error: RedisReply::Kind::error.
  virtual void on_reply(const RedisReply& reply) = 0;
  // No answer in time. Whether the command was executed is unknown.
  virtual void on_away() = 0;

  void cancel();
  bool pending() const { return client_ != nullptr; }

 protected:
  ~RedisCall() override { cancel(); }

 private:
  friend class RedisClient;
  template <typename T>
  friend class tenfold::IntrusiveList;
  void on_timer() override;

  RedisClient* client_ = nullptr;  // while it is pending
  std::vector<std::string> words_;
  const RedisScript* script_ = nullptr;  // of an EVALSHA: what EVAL is sent instead, when the registry has lost it
  std::size_t size_ = 0;                 // of the words, in bytes
  std::uint64_t sequence_ = 0;           // of the command on this connection, once it was sent
  TimePoint sent_at_ = never;            // never: it waits
};

class RedisClient final : private RedisDialer::Handler, private Duplex::Handler {
 public:
  class Handler {
   public:
    // A connection is open, each time. The registry may still refuse every command.
    virtual void on_redis_connected() = 0;
    // Once, when the registry goes away, and once when it has answered a command again.
    virtual void on_redis_away(const Error& why) = 0;
    virtual void on_redis_back(Duration away_for) = 0;

   protected:
    ~Handler() = default;
  };

  struct Options {
    std::string user{};
    std::string password{};
    unsigned database = 0;
    std::uint32_t seed = 0;  // of the backoff's jitter: another for each process
  };

  RedisClient(Runtime& runtime, RedisDialer& dialer, Options options, Handler& handler);
  ~RedisClient();
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;

  // Dials. Once.
  void start();

  void send(RedisCall& call, std::vector<std::string> words, Duration time = rules::registry_time);
  // `script` outlives the call.
  void run(RedisCall& call, const RedisScript& script, const std::vector<std::string>& keys,
           const std::vector<std::string>& arguments, Duration time = rules::registry_time);

  // The registry has answered, and was not lost since.
  bool is_up() const { return lost_at_ == never; }
  // The last answer's time from the command on.
  Duration latency() const { return latency_; }

 private:
  friend class RedisCall;
  enum class State : std::uint8_t { resting, dialling, greeting, open };

  void on_dialled(Result<std::unique_ptr<Duplex>> connection) override;
  void on_data(Bytes bytes) override;
  void on_end() override { lose({ErrorKind::closed, "the registry has closed the connection", Origin::registry}); }
  void on_sent(std::size_t) override {}
  void on_closed(const Error& why) override;

  void dial();
  void greet();
  bool take_reply(const RedisReply& reply);
  bool take_greeting(const RedisReply& reply);
  bool answer(const RedisReply& reply);
  void note_answer();
  void on_connect_late();
  void on_call_late(RedisCall& call);
  void forget(RedisCall& call);
  void queue(RedisCall& call, Duration time);
  void flush();
  void fail_unsent();
  void lose(const Error& why);

  Runtime& runtime_;
  RedisDialer& dialer_;
  const Options options_;
  RedisClient::Handler& handler_;
  State state_ = State::resting;
  std::unique_ptr<Duplex> connection_;  // when greeting or open
  std::unique_ptr<RedisReader> reader_;
  std::size_t greetings_ = 0;  // answers to AUTH, SELECT and PEXPIRE that are to come

  IntrusiveList<RedisCall> waiting_;
  IntrusiveList<RedisCall> sent_;     // in the order of their sequence
  IntrusiveList<RedisCall> refused_;  // to hear that the registry is away
  std::uint64_t next_sequence_ = 0;   // of the next command on this connection
  std::uint64_t next_reply_ = 0;      // the sequence that the next reply belongs to
  std::size_t calls_ = 0;             // pending
  std::size_t call_bytes_ = 0;        // of all their words

  TimePoint lost_at_;       // when the registry was lost; never: it is there
  bool away_told_ = false;  // on_redis_away() was called, on_redis_back() not yet
  unsigned failures_ = 0;   // connections in a row of which nothing came
  std::minstd_rand random_;
  Duration latency_{};
  MemberTimer<RedisClient, &RedisClient::dial> redial_{*this};
  MemberTimer<RedisClient, &RedisClient::on_connect_late> connect_late_{*this};
  MemberTimer<RedisClient, &RedisClient::flush> flush_{*this};
  MemberTimer<RedisClient, &RedisClient::fail_unsent> fail_{*this};
};

}  // namespace tenfold::broker
