#include "agent/agent.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace tenfold {
namespace {

// What makes one command the same as before its restart: the broker, and which names lead where.
std::string subject_of(const Options& options) {
  std::string subject = to_string(options.broker);
  for (const TunnelOptions& tunnel : options.tunnels) {
    subject.append("\n").append(tunnel.subdomain).append(" ").append(to_string(tunnel.target));
  }
  return subject;
}

}  // namespace

Agent::Agent(const Options& options, const std::vector<Forwarding*>& ways, Status& status, Network& network,
             std::shared_ptr<TlsContext> tls, Random random, SuspendClock& clock, Owner& owner)
    : mux_(options.mux),
      known_(ways.front()->runtime.log, options.state_dir),
      instance_(ways.front()->runtime.log, options.state_dir, subject_of(options)),
      side_{.runtime = ways.front()->runtime,
            .network = network,
            .status = status,
            .known = known_,
            .random = std::move(random),
            .broker = options.broker,
            .tls = std::move(tls),
            .token = options.token,
            .instance = instance_.text(),
            .allow_remote_ip = options.allow_remote_ip},
      owner_(owner),
      sleep_(side_.runtime, clock, *this) {
  assert(ways.size() == options.tunnels.size());
  const Asks asks = mux_ == Mux::off ? Asks::classic : Asks::classic_offered;
  std::vector<Tunnel*> all;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    tunnels_.push_back(std::make_unique<Tunnel>(*ways[i], options.tunnels[i].subdomain));
    all.push_back(tunnels_.back().get());
    PoolKeeper::Owner& self = *this;
    pools_.push_back(std::make_unique<PoolKeeper>(side_, *all.back(), asks, self));
  }
  link_ = std::make_unique<LinkKeeper>(side_, std::move(all), mux_ == Mux::require, *this);
}

// Buried objects may borrow from what the agent borrows: they are destroyed first.
Agent::~Agent() {
  link_ = nullptr;
  pools_.clear();
  side_.runtime.graveyard.clear();
}

void Agent::start() {
  sleep_.start();
  if (mux_ == Mux::off) return ask_for_next_pool();
  link_->ask();
}

// ---- The link ------------------------------------------------------------------------

void Agent::on_tunnel_on_link(Tunnel& tunnel) {
  PoolKeeper& pool = pool_of(tunnel);
  if (pool.has_pool() && !std::exchange(said_moving_, true)) {
    side_.status.notice(to_string(side_.broker) + " speaks tenfold/1 now: moving from the classic sockets to one link");
  }
  pool.leave();
}

void Agent::on_classic_answer(Tunnel& tunnel, const HandshakeOutcome& outcome) {
  said_moving_ = false;
  pool_of(tunnel).open(*outcome.answer.json.grant, outcome.peer_ip);
}

void Agent::on_link_refused(const std::string& code, const std::string& message) { refuse(code, message); }

void Agent::on_tunnel_refused(Tunnel& tunnel, const std::string& code, const std::string& message) {
  tunnel.status().refused(code, message, false);
  pool_of(tunnel).rest();
}

// ---- The pools -----------------------------------------------------------------------

PoolKeeper& Agent::pool_of(const Tunnel& tunnel) {
  const auto found =
      std::find_if(pools_.begin(), pools_.end(), [&](const auto& pool) { return &pool->tunnel() == &tunnel; });
  return **found;
}

// One after another, so that their URLs are printed in order.
void Agent::ask_for_next_pool() {
  for (const auto& pool : pools_) {
    if (!pool->begun() && !pool->tunnel().refused) return pool->ask();
  }
}

void Agent::on_pool_tried(PoolKeeper&) {
  if (!stopping_ && !done_ && !link_->has_link()) ask_for_next_pool();
}

void Agent::on_pool_up(PoolKeeper&) {
  if (mux_ != Mux::off) link_->on_pool_up();
}

void Agent::on_pool_gone(PoolKeeper& keeper, const Error& why) {
  if (stopping_) return done_if_nothing_runs();
  if (mux_ == Mux::off) return keeper.ask_again(why);
  if (link_->has_link()) {
    keeper.rest();
    return link_->register_missing();
  }
  const bool others_stand =
      std::any_of(pools_.begin(), pools_.end(), [](const auto& pool) { return pool->has_pool(); });
  // Current pools are kept, but no other one is opened at a server that speaks tenfold/1.
  const bool pool_is_to_be_had = !known_.spoke_mux(side_.broker);
  if (others_stand && pool_is_to_be_had) return keeper.ask_again(why);
  if (others_stand) {
    keeper.rest();
    return link_->ask_again(why);
  }
  for (const auto& pool : pools_) pool->rest();
  link_->on_pools_lost(why);
}

void Agent::on_pool_refused(PoolKeeper& keeper, const HandshakeAnswer& answer) {
  const int status = answer.answer.status;
  const std::string code = answer.json.code.value_or("");
  // The client itself, or its request for a pool, is refused: this holds for every name.
  const bool every_name = status == 401 || status == 426;
  keeper.tunnel().refused = true;
  const bool another = std::any_of(tunnels_.begin(), tunnels_.end(), [](const auto& each) { return !each->refused; });
  if (every_name || tunnels_.size() == 1) return refuse(code, reason(answer) + (status == 426 ? " (try --mux)" : ""));
  keeper.tunnel().status().refused(code, reason(answer), false);
  if (!another) done(ExitCode::refused);
}

void Agent::on_pool_upgraded(PoolKeeper&) { link_->ask(); }

// ---- The end -------------------------------------------------------------------------

void Agent::stop() {
  if (std::exchange(stopping_, true)) return;
  sleep_.stop();
  link_->stop();
  for (const auto& pool : pools_) pool->leave();
  if (something_runs()) side_.status.stopping();
  done_if_nothing_runs();
}

bool Agent::something_runs() const {
  return link_->runs() || std::any_of(pools_.begin(), pools_.end(), [](const auto& pool) { return pool->runs(); });
}

void Agent::done_if_nothing_runs() {
  if (stopping_ && !something_runs()) done(ExitCode::stopped);
}

void Agent::on_slept(Duration slept) {
  side_.status.slept(slept);
  link_->on_slept();
  for (const auto& pool : pools_) pool->on_slept();
}

void Agent::refuse(const std::string& code, const std::string& message) {
  side_.status.refused(code, message);
  done(ExitCode::refused);
}

void Agent::done(ExitCode code) {
  if (std::exchange(done_, true)) return;
  sleep_.stop();
  if (code == ExitCode::stopped) side_.status.stopped();
  owner_.on_agent_done(code);
}

}  // namespace tenfold
