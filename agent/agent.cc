#include "agent/agent.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace tenfold {
namespace {

// A broker that says so often in a row that it speaks tenfold/1, while no Upgrade reaches it, is behind a proxy that
// does not pass one; fewer may be a restart.
constexpr int upgrades_lost_most = 3;

constexpr const char* how_to_pass_an_upgrade =
    "For nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "
    "\"upgrade\"; (docs/OPERATING.md). Asking again until it works; to use the classic sockets, which are not "
    "encrypted, run without --mux";

std::string reason(const HandshakeAnswer& answer) {
  if (!answer.json.message.empty()) return answer.json.message;
  return "it answered " + std::to_string(answer.answer.status);
}

// Moves the one of `held` that `ended` is into the graveyard.
template <typename T>
void bury_one(std::vector<std::unique_ptr<T>>& held, const T& ended, Graveyard& graveyard) {
  const auto found =
      std::find_if(held.begin(), held.end(), [&](const std::unique_ptr<T>& each) { return each.get() == &ended; });
  if (found == held.end()) return;
  graveyard.bury(std::move(*found));
  held.erase(found);
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
      backoff_(random_),
      known_(runtime_.log, options.state_dir) {}

// What these bury on their way down borrows from what the agent itself borrows from: it goes before that does.
Agent::~Agent() {
  round_ = nullptr;
  next_session_ = nullptr;
  session_ = nullptr;
  old_sessions_.clear();
  pool_ = nullptr;
  old_pools_.clear();
  runtime_.graveyard.clear();
}

void Agent::start() { ask(); }

void Agent::ask() { ask_for(options_.mux == Mux::off ? Asks::classic : Asks::link_or_classic); }

void Agent::ask_for(Asks asks) {
  // The tunnel that stands moves with its name, even where the server gave another one than was asked for.
  const bool moving = pool_ != nullptr;
  const HandshakeRequest request{.host = authority(options_.broker),
                                 .name = options_.subdomain.empty() || moving ? name_ : options_.subdomain,
                                 .token = options_.token,
                                 .resume_token = asks == Asks::classic ? std::string() : resume_token_};
  const DialTo to{.address = options_.broker.address,
                  .tls = tls_,
                  .tls_name = options_.broker.address.host,
                  .deadline = limits::dial_time};
  round_ = std::make_unique<HandshakeRound>(runtime_, network_, to, request, asks, *this);
}

// The next try, after the backoff and `at_least` so long.
void Agent::ask_again(const Error& why, Duration at_least) {
  const Duration wait = std::max(backoff_.next(runtime_.now()), at_least);
  runtime_.timers.arm_in(retry_, wait);
  runtime_.log.info("ask-again", {{"cause", describe(why)}});
  // A link that drains still serves: nothing is lost yet.
  if (session_ == nullptr) status_.reconnecting(wait, why);
}

void Agent::on_round_done(HandshakeRound&, HandshakeOutcome outcome) {
  runtime_.graveyard.bury(std::move(round_));
  // Said by the broker itself, through TLS where it has that: as good as a link.
  if (outcome.next == Next::link || outcome.next == Next::upgrade_lost) known_.on_spoke_mux(options_.broker);
  if (outcome.next == Next::link) return open_link(std::move(outcome));
  if (pool_ != nullptr) {
    // What stands is not cut for it, but once the pool is lost no other one is opened.
    if (outcome.next == Next::upgrade_lost) tell_upgrade_lost("a proxy takes the Upgrade away on its way to ");
    return on_no_link_yet(outcome.why ? outcome.why : Error{ErrorKind::refused, reason(outcome.answer)});
  }
  if (outcome.unanswered) ghost_until_ = runtime_.now() + limits::own_ghost_time;
  switch (outcome.next) {
    case Next::classic: return on_classic(outcome);
    case Next::upgrade_lost: return on_upgrade_lost(outcome.why);
    case Next::refused: return on_refused(outcome.answer);
    case Next::retry:
      return ask_again({ErrorKind::refused, reason(outcome.answer)}, outcome.answer.retry_after.value_or(0s));
    default: return ask_again(outcome.why);
  }
}

void Agent::open_link(HandshakeOutcome outcome) {
  upgrades_lost_ = 0;
  said_fallback_ = said_downgrade_ = said_upgrade_lost_ = false;
  next_session_ = std::make_unique<Session>(forwarding_, network_, std::move(outcome.pipe), *this);
  next_session_->start(outcome.early);
}

// A grant over the classic protocol. Not taken from a broker that is known to speak tenfold/1: the answer is not the
// broker's then, or the broker has lost what it could, and both would cost the encryption in silence.
void Agent::on_classic(const HandshakeOutcome& outcome) {
  if (options_.mux == Mux::off) return open_pool(*outcome.answer.json.grant, outcome.peer_ip);
  if (known_.spoke_mux(options_.broker)) {
    if (!std::exchange(said_downgrade_, true)) {
      status_.notice(to_string(options_.broker) +
                     " has spoken tenfold/1 before and answers as a classic server now: its classic sockets, which are "
                     "not encrypted, are not used. Asking again; if they are what you want there, run without --mux");
    }
    return ask_again({ErrorKind::refused, "it has spoken tenfold/1 before and answers as a classic server now"});
  }
  if (options_.mux == Mux::require) {
    status_.refused("no-tenfold", "the server does not speak tenfold/1: it answered as a classic server does");
    return done(ExitCode::refused);
  }
  if (!std::exchange(said_fallback_, true)) status_.fallback("it answered as a classic server does");
  open_pool(*outcome.answer.json.grant, outcome.peer_ip);
}

// `why`: of an Upgrade that came to nothing, where the server said elsewhere that it speaks tenfold/1. None: it said so
// in answer to the Upgrade itself.
void Agent::on_upgrade_lost(const Error& why) {
  ++upgrades_lost_;
  if (!why) {
    tell_upgrade_lost("a proxy takes the Upgrade away on its way to ");
    return ask_again({ErrorKind::refused, "a proxy takes the Upgrade away"});
  }
  if (upgrades_lost_ >= upgrades_lost_most) tell_upgrade_lost("a proxy seems to take the Upgrade away on its way to ");
  ask_again({ErrorKind::refused, "it speaks tenfold/1, but the Upgrade came to nothing: " + why.detail});
}

void Agent::tell_upgrade_lost(const char* what) {
  if (std::exchange(said_upgrade_lost_, true)) return;
  status_.notice(what + to_string(options_.broker) + ", which speaks tenfold/1. " + how_to_pass_an_upgrade);
}

// From the pool of a classic server, which goes on meanwhile.
void Agent::ask_for_link() {
  // Under another name visitors would not find it.
  if (!name_.empty()) ask_for(Asks::link);
}

void Agent::on_no_link_yet(const Error& why) {
  runtime_.log.info("no-link-yet", {{"cause", describe(why)}});
  runtime_.timers.arm_in(look_for_link_, limits::link_asked_every);
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
  pool_ = std::make_unique<PoolClient>(forwarding_, network_, random_, Address{host, grant.port}, grant.sockets, *this);
  pool_->start();
}

void Agent::on_refused(const HandshakeAnswer& answer) {
  const bool about_name = answer.answer.status == 409 || answer.json.code == "bad-name";
  if (about_name && was_up_ && !name_.empty() && options_.subdomain.empty()) {
    // Somebody else has the name that we were given: any other will do.
    name_.clear();
    resume_token_.clear();
    return ask();
  }
  // What worked before and was taken over meanwhile can heal, as can what stands in our own way.
  const bool ghost = answer.answer.status == 409 && runtime_.now() < ghost_until_;
  if ((about_name && was_up_) || ghost) return ask_again({ErrorKind::refused, reason(answer)});

  const bool pool_off = answer.answer.status == 426;
  status_.refused(answer.json.code.value_or(""), reason(answer) + (pool_off ? " (try --mux)" : ""));
  done(ExitCode::refused);
}

void Agent::on_session_registered(Session&, const Registration& registration) {
  leave_old_session();
  leave_pool();
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

void Agent::leave_pool() {
  if (pool_ == nullptr) return;
  runtime_.timers.disarm(look_for_link_);
  status_.notice(to_string(options_.broker) + " speaks tenfold/1 now: moving from the classic sockets to one link");
  pool_->leave(limits::drain_time);
  old_pools_.push_back(std::move(pool_));
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
    if (pool_ != nullptr) return on_no_link_yet(cause);
    ghost_until_ = runtime_.now() + limits::own_ghost_time;
    return ask_again(cause);
  }
  if (&session == session_.get()) {
    runtime_.graveyard.bury(std::move(session_));
    if (!stopping_ && !asking()) return ask_again(cause);
  } else {
    bury_one(old_sessions_, session, runtime_.graveyard);
  }
  done_if_nothing_runs();
}

void Agent::on_pool_ready(PoolClient&) {
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
  if (options_.mux != Mux::off) runtime_.timers.arm_in(look_for_link_, limits::link_asked_every);
}

void Agent::on_pool_lost(PoolClient& pool, const Error& why) {
  if (&pool != pool_.get()) return on_pool_left(pool);
  runtime_.graveyard.bury(std::move(pool_));
  if (stopping_) return done_if_nothing_runs();
  runtime_.timers.disarm(look_for_link_);
  // A link that is coming up takes its place; what was only asked for is asked for again with all that belongs to it.
  if (next_session_ != nullptr) return;
  runtime_.graveyard.bury(std::move(round_));
  ask_again(why);
}

void Agent::on_pool_left(PoolClient& pool) {
  if (&pool == pool_.get()) {
    runtime_.graveyard.bury(std::move(pool_));
  } else {
    bury_one(old_pools_, pool, runtime_.graveyard);
  }
  done_if_nothing_runs();
}

void Agent::stop() {
  if (std::exchange(stopping_, true)) return;
  runtime_.timers.disarm(retry_);
  runtime_.timers.disarm(look_for_link_);
  runtime_.graveyard.bury(std::move(round_));
  runtime_.graveyard.bury(std::move(next_session_));
  if (session_ != nullptr) {
    session_->say_goodbye();
    session_->leave(limits::drain_time);
  }
  if (pool_ != nullptr) pool_->leave(limits::drain_time);
  if (something_runs()) status_.stopping();
  done_if_nothing_runs();
}

bool Agent::something_runs() const {
  return session_ != nullptr || pool_ != nullptr || !old_sessions_.empty() || !old_pools_.empty();
}

void Agent::done_if_nothing_runs() {
  if (stopping_ && !something_runs()) done(ExitCode::stopped);
}

void Agent::done(ExitCode code) {
  if (std::exchange(done_, true)) return;
  if (code == ExitCode::stopped) status_.stopped();
  owner_.on_agent_done(code);
}

}  // namespace tenfold
