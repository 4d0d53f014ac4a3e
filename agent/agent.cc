#include "agent/agent.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace tenfold {
namespace {

// A broker that spoke tenfold/1 before and now refuses an Upgrade is most likely being restarted behind a proxy: it is
// asked so often again before the classic pool is taken.
constexpr int upgrades_refused_most = 3;

std::string reason(const HandshakeAnswer& answer) {
  if (!answer.json.message.empty()) return answer.json.message;
  if (answer.answer.status == 0) return "it closed the connection without an answer";
  return "it answered " + std::to_string(answer.answer.status);
}

}  // namespace

using handshake::Next;

Agent::Agent(const Options& options, Forwarding& forwarding, Network& network, std::shared_ptr<TlsContext> tls,
             Random random, Owner& owner)
    : options_(options),
      forwarding_(forwarding),
      runtime_(forwarding.runtime),
      status_(forwarding.status),
      network_(network),
      tls_(std::move(tls)),
      random_(std::move(random)),
      owner_(owner),
      backoff_(random_) {}

Agent::~Agent() = default;

void Agent::start() { ask_anew(); }

void Agent::ask(bool upgrade) {
  const HandshakeRequest request{.host = authority(options_.broker),
                                 .name = options_.subdomain.empty() ? name_ : options_.subdomain,
                                 .token = options_.token,
                                 .resume_token = upgrade ? resume_token_ : std::string(),
                                 .upgrade = upgrade};
  const DialTo to{.address = options_.broker.address,
                  .tls = tls_,
                  .tls_name = options_.broker.address.host,
                  .deadline = limits::dial_time,
                  .purpose = upgrade ? DialFor::link : DialFor::app};
  call_ =
      std::make_unique<HandshakeCall>(runtime_, network_, to, request, upgrade && options_.mux == Mux::require, *this);
}

// The next try, after the backoff and `at_least` so long.
void Agent::ask_again(const Error& why, Duration at_least) {
  const Duration wait = std::max(backoff_.next(runtime_.now()), at_least);
  runtime_.timers.arm_in(retry_, wait);
  runtime_.log.info("ask-again", {{"cause", describe(why)}});
  // A link that drains still serves: nothing is lost yet.
  if (session_ == nullptr) status_.reconnecting(wait, why);
}

void Agent::on_handshake_done(HandshakeCall&, HandshakeOutcome outcome) {
  runtime_.graveyard.bury(std::move(call_));
  switch (outcome.next) {
    case Next::link: return open_link(std::move(outcome));
    case Next::pool:
      if (options_.mux != Mux::off && !std::exchange(said_fallback_, true)) {
        status_.fallback("it answered as a classic server does");
      }
      return open_pool(*outcome.answer.json.grant, outcome.peer_ip);
    case Next::ask_classic: return on_no_upgrade(outcome.why ? outcome.why.detail : reason(outcome.answer));
    case Next::refused: return on_refused(outcome.answer);
    case Next::retry:
      return ask_again({ErrorKind::refused, reason(outcome.answer)}, outcome.answer.retry_after.value_or(0s));
    case Next::broken: return ask_again(outcome.why);
  }
}

void Agent::open_link(HandshakeOutcome outcome) {
  spoke_mux_ = true;
  said_fallback_ = false;
  upgrades_refused_ = 0;
  next_session_ = std::make_unique<Session>(forwarding_, network_, std::move(outcome.pipe), *this);
  next_session_->start(outcome.early);
}

void Agent::open_pool(const ClassicGrant& grant, const std::string& peer_ip) {
  std::string host = options_.broker.address.host;
  // A server could name any address here and have us dial it: but for its own, its word is not enough.
  if (!grant.ip.empty() && (grant.ip == peer_ip || grant.ip == host || options_.allow_remote_ip)) {
    host = grant.ip;
  } else if (!grant.ip.empty() && !std::exchange(said_remote_ip_, true)) {
    status_.notice("the broker sends the sockets to " + grant.ip + ", which is not its own address: using " + host +
                   " (--allow-remote-ip allows it)");
  }
  grant_ = grant;
  pool_ =
      std::make_unique<PoolClient>(forwarding_, network_, random_, HostPort{host, grant.port}, grant.sockets, *this);
  pool_->start();
}

// A classic server, or a proxy that does not pass an Upgrade: the classic handshake is next.
void Agent::on_no_upgrade(const std::string& why) {
  if (spoke_mux_ && ++upgrades_refused_ < upgrades_refused_most) {
    return ask_again({ErrorKind::closed, "no upgrade: " + why});
  }
  if (!std::exchange(said_fallback_, true)) status_.fallback(why);
  ask(false);
}

void Agent::on_refused(const HandshakeAnswer& answer) {
  const bool about_name = answer.answer.status == 409 || answer.json.code == "bad-name";
  if (about_name && was_up_ && !name_.empty() && options_.subdomain.empty()) {
    // Somebody else has the name that we were given: any other will do.
    name_.clear();
    resume_token_.clear();
    return ask_anew();
  }
  // What worked before and was taken over meanwhile, or stands behind a proxy that is ahead of its broker, can heal.
  const bool no_link = options_.mux == Mux::require && !answer.answer.has_code;
  if ((about_name && was_up_) || (no_link && spoke_mux_)) return ask_again({ErrorKind::refused, reason(answer)});

  if (no_link) {
    status_.refused("no-tenfold", "the server does not speak tenfold/1: " + reason(answer));
  } else {
    const bool pool_off = answer.answer.status == 426;
    status_.refused(answer.json.code.value_or(""), reason(answer) + (pool_off ? " (try --mux)" : ""));
  }
  done(ExitCode::refused);
}

void Agent::on_session_registered(Session&, const Registration& registration) {
  leave_old_session();
  session_ = std::move(next_session_);
  name_ = is_plain_name(registration.name) ? registration.name : std::string();
  resume_token_ = registration.resume_token;
  was_up_ = true;
  backoff_.up(runtime_.now());
  status_.ready({.url = registration.url, .name = registration.name, .mode = Status::Mode::mux});
}

void Agent::leave_old_session() {
  if (session_ == nullptr) return;
  session_->leave(drain_deadline_);
  old_sessions_.push_back(std::move(session_));
}

void Agent::on_session_draining(Session& session, Duration deadline) {
  if (&session != session_.get() || stopping_) return;
  status_.drain();
  drain_deadline_ =
      deadline > Duration::zero() ? std::min<Duration>(deadline, limits::stream_idle) : limits::drain_time;
  // Not in this instant: all agents of that broker were told at once.
  runtime_.timers.arm_in(retry_, backoff_.next(runtime_.now()));
}

void Agent::on_session_closed(Session& session, const Error& why) {
  const Error cause = why ? why : Error{ErrorKind::closed, "the broker closed the link"};
  if (&session == next_session_.get()) {
    runtime_.graveyard.bury(std::move(next_session_));
    return ask_again(cause);
  }
  if (&session == session_.get()) {
    runtime_.graveyard.bury(std::move(session_));
    if (!stopping_ && !asking()) return ask_again(cause);
  } else {
    const auto old = std::find_if(old_sessions_.begin(), old_sessions_.end(),
                                  [&](const auto& held) { return held.get() == &session; });
    runtime_.graveyard.bury(std::move(*old));
    old_sessions_.erase(old);
  }
  done_if_nothing_runs();
}

void Agent::on_pool_ready(PoolClient&) {
  leave_old_session();
  // A classic server gives another name in silence.
  if (!options_.subdomain.empty() && grant_.id != options_.subdomain && name_ != grant_.id) {
    status_.notice("the name " + options_.subdomain + " is not free: the server gave another one");
  }
  name_ = is_plain_name(grant_.id) ? grant_.id : std::string();
  resume_token_.clear();
  was_up_ = true;
  backoff_.up(runtime_.now());
  status_.ready({.url = grant_.url,
                 .name = grant_.id,
                 .mode = Status::Mode::classic,
                 .sockets = grant_.sockets,
                 .cached_url = grant_.cached_url});
}

void Agent::on_pool_lost(PoolClient&, const Error& why) {
  runtime_.graveyard.bury(std::move(pool_));
  if (stopping_) return done_if_nothing_runs();
  ask_again(why);
}

void Agent::on_pool_left(PoolClient&) {
  runtime_.graveyard.bury(std::move(pool_));
  done_if_nothing_runs();
}

void Agent::stop() {
  if (std::exchange(stopping_, true)) return;
  runtime_.timers.disarm(retry_);
  runtime_.graveyard.bury(std::move(call_));
  runtime_.graveyard.bury(std::move(next_session_));
  if (session_ != nullptr) {
    session_->say_goodbye();
    session_->leave(limits::drain_time);
  }
  if (pool_ != nullptr) pool_->leave(limits::drain_time);
  if (session_ != nullptr || pool_ != nullptr || !old_sessions_.empty()) status_.stopping();
  done_if_nothing_runs();
}

void Agent::done_if_nothing_runs() {
  if (stopping_ && session_ == nullptr && pool_ == nullptr && old_sessions_.empty()) done(ExitCode::stopped);
}

void Agent::done(ExitCode code) {
  if (std::exchange(done_, true)) return;
  if (code == ExitCode::stopped) status_.stopped();
  owner_.on_agent_done(code);
}

}  // namespace tenfold
