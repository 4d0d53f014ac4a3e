#include "broker/cluster/redis_client.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace tenfold::broker {
namespace {

// The registry answers, but serves nothing now: it loads its file, or has become the replica of another. A new
// connection may reach one that does. (Redis 6 wraps the code in an error of the script.)
bool is_unready(const RedisReply& reply) {
  return reply.is_error("LOADING") || reply.is_error("MASTERDOWN") ||
         (reply.kind == RedisReply::Kind::error && reply.text.find("READONLY") != std::string::npos);
}

Error refusal(const RedisReply& reply) { return {ErrorKind::refused, reply.text, Origin::registry}; }

}  // namespace

void RedisCall::cancel() {
  if (client_ != nullptr) client_->forget(*this);
}

void RedisCall::on_timer() { client_->on_call_late(*this); }

RedisClient::RedisClient(Runtime& runtime, RedisDialer& dialer, Options options, Handler& handler)
    : runtime_(runtime),
      dialer_(dialer),
      options_(std::move(options)),
      handler_(handler),
      lost_at_(runtime.now()),
      random_(options_.seed) {}

RedisClient::~RedisClient() {
  dialer_.cancel();
  for (IntrusiveList<RedisCall>* list : {&waiting_, &sent_, &refused_}) {
    while (RedisCall* call = list->front()) forget(*call);
  }
}

void RedisClient::start() {
  lost_at_ = runtime_.now();
  dial();
}

// ---- The connection --------------------------------------------------------------

void RedisClient::dial() {
  state_ = State::dialling;
  runtime_.timers.arm_in(connect_late_, rules::registry_time);
  dialer_.dial(*this);
}

void RedisClient::on_dialled(Result<std::unique_ptr<Duplex>> connection) {
  if (!connection) return lose(connection.error());
  connection_ = *std::move(connection);
  reader_ = std::make_unique<RedisReader>();
  state_ = State::greeting;
  connection_->set_handler(this);
  greet();
}

void RedisClient::greet() {
  std::string commands;
  greetings_ = 1;
  if (!options_.password.empty()) {
    std::vector<std::string> auth = {"AUTH", options_.password};
    if (!options_.user.empty()) auth.insert(auth.begin() + 1, options_.user);
    commands += format_command(auth);
    ++greetings_;
  }
  if (options_.database != 0) {
    commands += format_command({"SELECT", std::to_string(options_.database)});
    ++greetings_;
  }
  // Changes nothing and needs no memory, but a server that takes no writes refuses it.
  commands += format_command({"PEXPIRE", "tenfold:greeting", "1"});
  connection_->write(to_bytes(commands));
}

void RedisClient::on_data(Bytes bytes) {
  connection_->credit(bytes.size());
  const Error error = reader_->feed(bytes, [this](const RedisReply& reply) { return take_reply(reply); });
  if (error && connection_ != nullptr) lose(error);
}

void RedisClient::on_closed(const Error& why) {
  lose(why ? why : Error{ErrorKind::closed, "the registry has closed the connection", Origin::registry});
}

// False: the connection was given up.
bool RedisClient::take_reply(const RedisReply& reply) {
  return state_ == State::greeting ? take_greeting(reply) : answer(reply);
}

// A command before the log-in would run without rights, one before SELECT in another database: so none goes out until
// these have their answers.
bool RedisClient::take_greeting(const RedisReply& reply) {
  if (reply.kind != RedisReply::Kind::status && !reply.is_number()) {
    const bool refused = reply.kind == RedisReply::Kind::error;
    lose(refused ? refusal(reply) : Error{ErrorKind::protocol, "this is no Redis", Origin::registry});
    return false;
  }
  if (--greetings_ != 0) return true;
  state_ = State::open;
  runtime_.timers.disarm(connect_late_);
  runtime_.timers.arm(flush_, runtime_.now());
  handler_.on_redis_connected();
  return true;
}

bool RedisClient::answer(const RedisReply& reply) {
  if (next_reply_ == next_sequence_) {
    lose({ErrorKind::protocol, "a reply without a command", Origin::registry});
    return false;
  }
  if (is_unready(reply)) {
    lose(refusal(reply));
    return false;
  }
  RedisCall* call = sent_.front();
  const bool asked = call != nullptr && call->sequence_ == next_reply_;
  if (asked && call->script_ != nullptr && reply.is_error("NOSCRIPT")) {
    ++next_reply_;
    call->words_[0] = "EVAL";
    call->words_[1] = std::exchange(call->script_, nullptr)->text;
    call->sent_at_ = never;
    waiting_.push_back(*call);
    runtime_.timers.arm(flush_, runtime_.now());
    return true;
  }
  ++next_reply_;
  note_answer();
  if (!asked) return true;  // its call was withdrawn
  latency_ = runtime_.now() - call->sent_at_;
  forget(*call);
  call->on_reply(reply);
  return true;
}

void RedisClient::note_answer() {
  failures_ = 0;
  if (lost_at_ == never) return;
  const Duration away_for = runtime_.now() - std::exchange(lost_at_, never);
  if (std::exchange(away_told_, false)) handler_.on_redis_back(away_for);
}

void RedisClient::on_connect_late() {
  lose({ErrorKind::timeout, "the registry has not answered in time", Origin::registry});
}

void RedisClient::lose(const Error& why) {
  dialer_.cancel();
  if (connection_ != nullptr) {
    connection_->reset(ErrorKind::cancelled);
    runtime_.graveyard.bury(std::move(connection_));
  }
  runtime_.timers.disarm(connect_late_);
  runtime_.timers.disarm(flush_);
  next_sequence_ = next_reply_ = 0;
  state_ = State::resting;
  if (lost_at_ == never) lost_at_ = runtime_.now();

  // Who was sent goes before who waits.
  IntrusiveList<RedisCall> all;
  for (IntrusiveList<RedisCall>* list : {&sent_, &waiting_}) {
    while (RedisCall* call = list->front()) {
      call->sent_at_ = never;
      all.push_back(*call);
    }
  }
  while (RedisCall* call = all.front()) waiting_.push_back(*call);

  // Full jitter: replicas that lost the registry together do not come back together.
  Duration most = rules::registry_backoff_least;
  for (unsigned i = 0; i <= failures_ && most < rules::registry_backoff_most; ++i) most *= 2;
  ++failures_;
  std::uniform_int_distribution<Duration::rep> delay(rules::registry_backoff_least.count(),
                                                     std::min<Duration>(most, rules::registry_backoff_most).count());
  runtime_.timers.arm_in(redial_, Duration(delay(random_)));
  if (!std::exchange(away_told_, true)) handler_.on_redis_away(why);
}

// ---- Calls -------------------------------------------------------------------------

void RedisClient::send(RedisCall& call, std::vector<std::string> words, Duration time) {
  call.cancel();
  call.words_ = std::move(words);
  call.script_ = nullptr;
  queue(call, time);
}

void RedisClient::run(RedisCall& call, const RedisScript& script, const std::vector<std::string>& keys,
                      const std::vector<std::string>& arguments, Duration time) {
  call.cancel();
  call.words_ = {"EVALSHA", std::string(script.digest), std::to_string(keys.size())};
  call.words_.insert(call.words_.end(), keys.begin(), keys.end());
  call.words_.insert(call.words_.end(), arguments.begin(), arguments.end());
  call.script_ = &script;
  queue(call, time);
}

void RedisClient::queue(RedisCall& call, Duration time) {
  call.size_ = 0;
  for (const std::string& word : call.words_) call.size_ += word.size();
  // Withdrawn ones count until their answer has come.
  const bool full = calls_ + (next_sequence_ - next_reply_) >= rules::registry_commands ||
                    call_bytes_ + call.size_ > rules::registry_command_bytes ||
                    (connection_ != nullptr && connection_->queued() > rules::registry_command_bytes);
  const bool long_away = state_ != State::open && runtime_.now() - lost_at_ >= rules::registry_time;
  call.client_ = this;
  call.sent_at_ = never;
  ++calls_;
  call_bytes_ += call.size_;
  if (full || long_away) {
    refused_.push_back(call);
    runtime_.timers.arm(fail_, runtime_.now());
    return;
  }
  waiting_.push_back(call);
  runtime_.timers.arm_in(call, time);
  if (state_ == State::open) runtime_.timers.arm(flush_, runtime_.now());
}

void RedisClient::forget(RedisCall& call) {
  assert(call.client_ == this);
  call.unlist();
  runtime_.timers.disarm(call);
  call.client_ = nullptr;
  call.words_.clear();
  --calls_;
  call_bytes_ -= call.size_;
}

void RedisClient::flush() {
  if (state_ != State::open || waiting_.empty()) return;
  std::string commands;
  while (RedisCall* call = waiting_.front()) {
    commands += format_command(call->words_);
    call->sequence_ = next_sequence_++;
    call->sent_at_ = runtime_.now();
    sent_.push_back(*call);
  }
  connection_->write(to_bytes(commands));
}

void RedisClient::fail_unsent() {
  IntrusiveList<RedisCall> now;
  while (RedisCall* call = refused_.front()) now.push_back(*call);
  while (RedisCall* call = now.front()) {
    forget(*call);
    call->on_away();
  }
}

// Commands are answered in order: one without an answer holds up all that follow.
void RedisClient::on_call_late(RedisCall& call) {
  const bool silent = call.sent_at_ != never && runtime_.now() - call.sent_at_ >= rules::registry_silent;
  forget(call);
  if (silent) lose({ErrorKind::timeout, "the registry has not answered in time", Origin::registry});
  call.on_away();
}

}  // namespace tenfold::broker
