#include "agent/links/link_keeper.h"

#include <algorithm>
#include <utility>

#include "agent/rules.h"
#include "base/limits.h"

namespace tenfold {
namespace {

// After this many answers in a row that say "tenfold/1" although no Upgrade arrived, a proxy removes the Upgrade; fewer
// may be a restart.
constexpr int upgrades_lost_most = 3;

constexpr const char* how_to_pass_an_upgrade =
    "For nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "
    "\"upgrade\"; (docs/OPERATING.md). Asking again until it works; to use the classic sockets, which are not "
    "encrypted, run without --mux";

// Whether a Refused is temporary (docs/PROTOCOL.md, "Handshake").
bool heals(const std::string& code) {
  for (const char* each : {"limit", "rate", "draining", "registry-away", "busy"}) {
    if (code == each) return true;
  }
  return false;
}

}  // namespace

using handshake::Next;

LinkKeeper::LinkKeeper(BrokerSide& side, std::vector<Tunnel*> tunnels, bool only_links, Owner& owner)
    : side_(side),
      runtime_(side.runtime),
      status_(side.status),
      tunnels_(std::move(tunnels)),
      only_links_(only_links),
      owner_(owner),
      backoff_(side.random) {}

LinkKeeper::~LinkKeeper() = default;

// ---- Asking ------------------------------------------------------------------------

// Prefers tunnels that do not stand on a pool, since those wait. If some stand on a classic server's pools, one of them
// is chosen, since a server that was not upgraded would make a new tunnel for any other name.
Tunnel* LinkKeeper::choose_lead() {
  const auto first = [this](auto may_lead) {
    const auto found = std::find_if(tunnels_.begin(), tunnels_.end(), may_lead);
    return found == tunnels_.end() ? nullptr : *found;
  };
  const auto waits = [](const Tunnel* each) { return !each->refused && !each->passed_over && !each->pooled; };
  // Under another name its visitors would not find it.
  const auto moves = [](const Tunnel* each) { return !each->refused && each->pooled && !each->name.empty(); };
  const bool on_pools = std::any_of(tunnels_.begin(), tunnels_.end(), [](const Tunnel* each) { return each->pooled; });
  if (on_pools && !side_.known.spoke_mux(side_.broker)) return first(moves);
  // A resume token is exempt from every limit.
  const auto has_token = [&](const Tunnel* each) { return waits(each) && !each->resume_token.empty(); };
  for (Tunnel* const lead : {first(has_token), first(waits)}) {
    if (lead != nullptr) return lead;
  }
  return first(moves);
}

bool LinkKeeper::another_is_left(const Tunnel& tunnel) const {
  return std::any_of(tunnels_.begin(), tunnels_.end(),
                     [&](const Tunnel* each) { return each != &tunnel && !each->refused; });
}

void LinkKeeper::ask() {
  if (stopping_ || round_ != nullptr || next_session_ != nullptr) return;
  runtime_.timers.disarm(retry_);
  lead_ = choose_lead();
  if (lead_ == nullptr) return;
  HandshakeRequest request = side_.request_for(*lead_);
  request.resume_token = lead_->resume_token;
  const Asks asks = lead_->pooled ? Asks::link : Asks::link_or_classic;
  round_ = std::make_unique<HandshakeRound>(runtime_, side_.network, side_.to(), request, asks, *this);
}

void LinkKeeper::ask_again(const Error& why, Duration at_least) {
  // On top of what the broker asks for: it asks it of many agents at the same time.
  const Duration wait = at_least + backoff_.next(runtime_.now());
  runtime_.timers.arm_in(retry_, wait);
  runtime_.log.info("ask-again", {{"cause", describe(why)}});
  // A draining link still serves, so nothing is lost yet.
  if (session_ == nullptr) status_.reconnecting(wait, why);
}

void LinkKeeper::on_round_done(HandshakeRound&, HandshakeOutcome outcome) {
  runtime_.graveyard.bury(std::move(round_));
  // The broker itself said so, over TLS if it has that: this proves tenfold/1 as a link does.
  if (outcome.next == Next::link || outcome.next == Next::upgrade_lost) side_.known.on_spoke_mux(side_.broker);
  if (outcome.next == Next::link) return open_link(std::move(outcome));
  if (lead_->pooled) {
    // The current pool is kept; after its loss no other one is opened.
    if (outcome.next == Next::upgrade_lost) tell_upgrade_lost("a proxy takes the Upgrade away on its way to ");
    return on_no_link_yet(outcome.why ? outcome.why : Error{ErrorKind::refused, reason(outcome.answer)});
  }
  if (outcome.unanswered) lead_->ghost_until = runtime_.now() + rules::own_ghost_time;
  switch (outcome.next) {
    case Next::classic: return on_classic(outcome);
    case Next::upgrade_lost: return on_upgrade_lost(outcome.why);
    case Next::refused: return on_refused(outcome.answer);
    case Next::retry:
      if (outcome.answer.json.code == "busy") backoff_.found(runtime_.now());
      return ask_again({ErrorKind::refused, reason(outcome.answer)}, outcome.answer.retry_after.value_or(0s));
    default: return ask_again(outcome.why);
  }
}

void LinkKeeper::open_link(HandshakeOutcome outcome) {
  upgrades_lost_ = 0;
  said_fallback_ = said_downgrade_ = said_upgrade_lost_ = false;
  next_session_ = std::make_unique<Session>(side_, std::move(outcome.pipe), *lead_, *this);
  next_session_->start(outcome.early);
}

// A grant over the classic protocol. Not accepted from a broker that is known to speak tenfold/1: either the answer is
// not the broker's, or the broker has lost the ability, and both would silently drop the encryption.
void LinkKeeper::on_classic(const HandshakeOutcome& outcome) {
  if (side_.known.spoke_mux(side_.broker)) {
    if (!std::exchange(said_downgrade_, true)) {
      status_.notice(to_string(side_.broker) +
                     " has spoken tenfold/1 before and answers as a classic server now: its classic sockets, which are "
                     "not encrypted, are not used. Asking again; if they are what you want there, run without --mux");
    }
    return ask_again({ErrorKind::refused, "it has spoken tenfold/1 before and answers as a classic server now"});
  }
  if (only_links_) {
    return owner_.on_link_refused("no-tenfold",
                                  "the server does not speak tenfold/1: it answered as a classic server does");
  }
  if (!std::exchange(said_fallback_, true)) status_.fallback("it answered as a classic server does");
  owner_.on_classic_answer(*lead_, outcome);
}

// `why`: the reason that an Upgrade failed, if the server said on another connection that it speaks tenfold/1. None: it
// said so in the answer to the Upgrade itself.
void LinkKeeper::on_upgrade_lost(const Error& why) {
  ++upgrades_lost_;
  if (!why) {
    tell_upgrade_lost("a proxy takes the Upgrade away on its way to ");
    return ask_again({ErrorKind::refused, "a proxy takes the Upgrade away"});
  }
  if (upgrades_lost_ >= upgrades_lost_most) tell_upgrade_lost("a proxy seems to take the Upgrade away on its way to ");
  ask_again({ErrorKind::refused, "it speaks tenfold/1, but the Upgrade came to nothing: " + why.detail});
}

void LinkKeeper::tell_upgrade_lost(const char* what) {
  if (std::exchange(said_upgrade_lost_, true)) return;
  status_.notice(what + to_string(side_.broker) + ", which speaks tenfold/1. " + how_to_pass_an_upgrade);
}

void LinkKeeper::on_refused(const HandshakeAnswer& answer) {
  Tunnel& lead = *lead_;
  const std::string code = answer.json.code.value_or("");
  const bool about_name = is_about_name(answer);
  switch (judge_refusal(lead, about_name, answer.answer.status == 409, runtime_.now())) {
    case Verdict::another_name: lead.forget_name(); return ask();
    case Verdict::later:
      lead.passed_over = true;
      if (choose_lead() != nullptr) {
        lead.status().refused(code, reason(answer), true);
        return ask();
      }
      for (Tunnel* each : tunnels_) each->passed_over = false;
      return ask_again({ErrorKind::refused, reason(answer)});
    case Verdict::for_good: break;
  }
  if (!about_name || !another_is_left(lead)) return owner_.on_link_refused(code, reason(answer));
  lead.refused = true;
  owner_.on_tunnel_refused(lead, code, reason(answer));
  ask();
}

// ---- Beside the pools of a classic server --------------------------------------------

void LinkKeeper::on_no_link_yet(const Error& why) {
  runtime_.log.info("no-link-yet", {{"cause", describe(why)}});
  runtime_.timers.arm_in(look_for_link_, rules::link_asked_every);
}

void LinkKeeper::on_pool_up() {
  if (!look_for_link_.armed()) runtime_.timers.arm_in(look_for_link_, rules::link_asked_every);
}

void LinkKeeper::on_pools_lost(const Error& why) {
  runtime_.timers.disarm(look_for_link_);
  // A link that is coming up replaces them. A pending request is made again with all its data.
  if (next_session_ != nullptr) return;
  runtime_.graveyard.bury(std::move(round_));
  ask_again(why);
}

// ---- The link ------------------------------------------------------------------------

void LinkKeeper::on_session_registered(Session& session, Tunnel& tunnel, const Granted& granted) {
  if (&session == next_session_.get()) promote();
  if (&session != session_.get()) return;
  owner_.on_tunnel_on_link(tunnel);
  tunnel.name = is_plain_name(granted.name) ? granted.name : std::string();
  tunnel.resume_token = granted.resume_token;
  tunnel.was_up = true;
  tunnel.status().ready({.url = granted.url, .name = granted.name, .mode = TunnelStatus::Mode::mux});
  if (!session.awaits_answer()) leave_outgoing();
}

void LinkKeeper::promote() {
  leave_outgoing();
  outgoing_ = std::move(session_);
  session_ = std::move(next_session_);
  slept_ = false;
  backoff_.up(runtime_.now());
  runtime_.timers.disarm(look_for_link_);
  for (Tunnel* each : tunnels_) each->passed_over = false;
  register_missing();
}

void LinkKeeper::register_missing() {
  if (session_ == nullptr) return;
  for (Tunnel* each : tunnels_) {
    const bool nameless = each->pooled && each->name.empty();  // under another name its visitors would not find it
    if (!each->refused && !nameless) session_->ask_for(*each);
  }
}

void LinkKeeper::on_session_refused(Session& session, Tunnel& tunnel, const std::string& code,
                                    const std::string& message) {
  if (&session != session_.get()) return;
  const bool about_name = code == "name-taken" || code == "bad-name";
  const Verdict verdict = judge_refusal(tunnel, about_name, code == "name-taken", runtime_.now());
  if (verdict == Verdict::another_name && !tunnel.pooled) {
    tunnel.forget_name();
    return session.ask_for(tunnel);
  }
  if (verdict != Verdict::for_good || heals(code) || tunnel.pooled) {
    tunnel.status().refused(code, message, true);
    if (!register_.armed()) runtime_.timers.arm_in(register_, rules::register_again);
  } else {
    tunnel.refused = true;
    owner_.on_tunnel_refused(tunnel, code, message);
  }
  if (!session.awaits_answer()) leave_outgoing();
}

// It is not asked for again: an agent that took the name over would be replaced in turn, and so on for ever.
void LinkKeeper::on_session_unregistered(Session& session, Tunnel& tunnel, const std::string& code,
                                         const std::string& message) {
  if (&session != session_.get() || stopping_) return;
  tunnel.refused = true;
  tunnel.resume_token.clear();
  if (!another_is_left(tunnel)) return owner_.on_link_refused(code, message);
  owner_.on_tunnel_refused(tunnel, code, message);
}

void LinkKeeper::on_session_unanswered(Session& session, Tunnel& tunnel) {
  if (&session != session_.get()) return;
  tunnel.status().refused("", "the broker does not answer", true);
  if (!session.awaits_answer()) leave_outgoing();
}

// All its tunnels were answered on the next link.
void LinkKeeper::leave_outgoing() {
  if (outgoing_ == nullptr) return;
  outgoing_->leave_soon(drain_deadline_);
  old_sessions_.push_back(std::move(outgoing_));
}

void LinkKeeper::on_session_draining(Session& session, Duration deadline) {
  if (&session != session_.get() || stopping_) return;
  // The broker gave up the link while this agent slept.
  if (owner_.look_for_sleep() || slept_) return;
  status_.drain();
  drain_deadline_ =
      deadline > Duration::zero() ? std::min<Duration>(deadline, limits::stream_idle) : limits::drain_time;
  // Not now: the broker told all its agents at the same time.
  runtime_.timers.arm_in(retry_, backoff_.next(runtime_.now()));
}

void LinkKeeper::on_session_closed(Session& session, const Error& why) {
  const Error cause = why ? why : Error{ErrorKind::closed, "the broker closed the link"};
  if (!stopping_) owner_.look_for_sleep();
  if (&session == next_session_.get()) {
    runtime_.graveyard.bury(std::move(next_session_));
    return lead_->pooled ? on_no_link_yet(cause) : ask_again(cause);
  }
  if (&session == session_.get()) {
    runtime_.graveyard.bury(std::move(session_));
    session_ = std::move(outgoing_);  // it drains: current visitors are still served
    if (!stopping_ && !asking()) return ask_again(cause);
  } else if (&session == outgoing_.get()) {
    runtime_.graveyard.bury(std::move(outgoing_));
  } else {
    const auto found = std::find_if(old_sessions_.begin(), old_sessions_.end(),
                                    [&](const auto& each) { return each.get() == &session; });
    runtime_.graveyard.bury(std::move(*found));
    old_sessions_.erase(found);
  }
  if (stopping_) owner_.on_link_ended();
}

void LinkKeeper::on_slept() {
  if (session_ == nullptr && !asking()) return;
  slept_ = session_ != nullptr;
  drain_deadline_ = limits::drain_time;
  backoff_.reset();
  runtime_.graveyard.bury(std::move(round_));
  runtime_.graveyard.bury(std::move(next_session_));
  ask();
}

void LinkKeeper::stop() {
  stopping_ = true;
  for (auto* timer : {&retry_, &look_for_link_}) runtime_.timers.disarm(*timer);
  runtime_.timers.disarm(register_);
  runtime_.graveyard.bury(std::move(round_));
  runtime_.graveyard.bury(std::move(next_session_));
  for (Session* session : {session_.get(), outgoing_.get()}) {
    if (session == nullptr) continue;
    session->say_goodbye();
    session->leave(limits::drain_time);
  }
}

}  // namespace tenfold
