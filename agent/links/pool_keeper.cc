#include "agent/links/pool_keeper.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace tenfold {

using handshake::Next;

PoolKeeper::PoolKeeper(BrokerSide& side, Tunnel& tunnel, Asks asks, Owner& owner)
    : side_(side), runtime_(side.runtime), tunnel_(tunnel), asks_(asks), owner_(owner), backoff_(side.random) {}

void PoolKeeper::ask() {
  begun_ = true;
  round_ =
      std::make_unique<HandshakeRound>(runtime_, side_.network, side_.to(), side_.request_for(tunnel_), asks_, *this);
}

void PoolKeeper::ask_again(const Error& why, Duration at_least) {
  const Duration wait = std::max(backoff_.next(runtime_.now()), at_least);
  runtime_.timers.arm_in(retry_, wait);
  runtime_.log.info("ask-again", {{"cause", describe(why)}});
  tunnel_.status().reconnecting(wait, why);
}

void PoolKeeper::rest() {
  runtime_.timers.disarm(retry_);
  runtime_.graveyard.bury(std::move(round_));
  begun_ = tried_ = false;
}

void PoolKeeper::on_slept() {
  if (pool_ != nullptr) pool_->renew();
  if (round_ == nullptr && !retry_.armed()) return;
  rest();
  ask();
}

void PoolKeeper::on_round_done(HandshakeRound&, HandshakeOutcome outcome) {
  runtime_.graveyard.bury(std::move(round_));
  switch (outcome.next) {
    case Next::classic:
      if (asks_ == Asks::classic || !side_.known.spoke_mux(side_.broker)) {
        return open(*outcome.answer.json.grant, outcome.peer_ip);
      }
      [[fallthrough]];
    case Next::upgrade_lost:
      side_.known.on_spoke_mux(side_.broker);
      rest();
      owner_.on_pool_upgraded(*this);
      break;
    case Next::refused: on_refused(outcome.answer); break;
    case Next::retry:
      ask_again({ErrorKind::refused, reason(outcome.answer)}, outcome.answer.retry_after.value_or(0s));
      break;
    default: ask_again(outcome.why ? outcome.why : Error{ErrorKind::refused, reason(outcome.answer)}); break;
  }
  tried();
}

void PoolKeeper::on_refused(const HandshakeAnswer& answer) {
  switch (judge_refusal(tunnel_, is_about_name(answer), answer.answer.status == 409, runtime_.now())) {
    case Verdict::another_name: tunnel_.forget_name(); return ask();
    case Verdict::later: return ask_again({ErrorKind::refused, reason(answer)});
    case Verdict::for_good: return owner_.on_pool_refused(*this, answer);
  }
}

void PoolKeeper::tried() {
  if (begun_ && !std::exchange(tried_, true)) owner_.on_pool_tried(*this);
}

void PoolKeeper::open(const ClassicGrant& grant, const std::string& peer_ip) {
  rest();
  begun_ = true;
  std::string host = side_.broker.address.host;
  // A server could make us dial any address here: only its own is accepted without --allow-remote-ip.
  if (!grant.ip.empty() && (grant.ip == peer_ip || grant.ip == host || side_.allow_remote_ip)) {
    host = grant.ip;
  } else if (!grant.ip.empty() && !std::exchange(side_.said_remote_ip, true)) {
    side_.status.notice("the broker sends the sockets to " + grant.ip + ", which is not its own address: using " +
                        host + " (--allow-remote-ip allows it)");
  }
  grant_ = grant;
  pool_ = std::make_unique<PoolClient>(tunnel_.forwarding, side_.network, side_.random, Address{host, grant.port},
                                       grant.sockets, *this);
  pool_->start();
}

void PoolKeeper::on_pool_ready(PoolClient& pool) {
  if (&pool != pool_.get()) return;
  // A classic server assigns another name without an error.
  if (!tunnel_.wanted.empty() && grant_.id != tunnel_.wanted && tunnel_.name != grant_.id) {
    side_.status.notice("the name " + tunnel_.wanted + " is not free: the server gave another one");
  }
  tunnel_.name = is_plain_name(grant_.id) ? grant_.id : std::string();
  tunnel_.resume_token.clear();
  tunnel_.was_up = true;
  tunnel_.pooled = true;
  backoff_.up(runtime_.now());
  tunnel_.status().ready({.url = grant_.url,
                          .name = grant_.id,
                          .mode = TunnelStatus::Mode::classic,
                          .sockets = grant_.sockets,
                          .cached_url = grant_.cached_url});
  owner_.on_pool_up(*this);
  tried();
}

void PoolKeeper::on_pool_lost(PoolClient& pool, const Error& why) {
  if (&pool != pool_.get()) return on_pool_left(pool);
  runtime_.graveyard.bury(std::move(pool_));
  tunnel_.pooled = false;
  owner_.on_pool_gone(*this, why);
  tried();
}

void PoolKeeper::on_pool_left(PoolClient& pool) {
  const auto found =
      std::find_if(old_pools_.begin(), old_pools_.end(), [&](const auto& each) { return each.get() == &pool; });
  runtime_.graveyard.bury(std::move(*found));
  old_pools_.erase(found);
  owner_.on_pool_ended();
}

void PoolKeeper::leave() {
  rest();
  if (pool_ == nullptr) return;
  tunnel_.pooled = false;
  pool_->leave(limits::drain_time);
  old_pools_.push_back(std::move(pool_));
}

}  // namespace tenfold
