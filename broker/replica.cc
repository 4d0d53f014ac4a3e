#include "broker/replica.h"

#include <cstring>
#include <utility>

#include "broker/admission/secret.h"
#include "broker/cluster/remote_tunnel.h"

namespace tenfold::broker {
namespace {

std::uint64_t random_number() {
  std::uint64_t number = 0;
  std::memcpy(&number, random_bytes(sizeof number).data(), sizeof number);
  return number;
}

Directory::Options directory_options(const ClusterOptions& options) {
  const RedisAddress& address = *options.registry;
  Directory::Options directory;
  directory.self = {options.replica_id, random_number()};
  directory.redis = {address.user, address.password, address.database, static_cast<std::uint32_t>(random_number())};
  return directory;
}

}  // namespace

Replica::Replica(Loop& loop, NameTable& names, const ClusterOptions& options, const Contexts& contexts,
                 const std::string& server_id, ClusterRegistry::Owner& owner)
    : loop_(loop),
      options_(options),
      peer_server_(contexts.peer_server),
      dialer_(loop, contexts.peer_client),
      links_(loop, dialer_),
      door_(loop, names, server_id),
      commands_(loop, *options.registry, contexts.registry),
      events_(loop, *options.registry, contexts.registry),
      registry_(loop.runtime(), names, *this, {commands_, events_}, directory_options(options), owner) {}

class Replica::Closing final : public Directory::BanCall {
 public:
  Closing(Replica& replica, std::string name) : replica_(replica), name_(std::move(name)) {}
  ~Closing() override { cancel(); }

  void start(Duration time) { replica_.registry_.directory().ban(name_, time, *this); }

 private:
  void on_banned() override { end(); }
  void on_ban_away() override {
    replica_.loop_.runtime().log.warn(
        "name-not-closed", {{"name", name_}, {"reason", "the registry does not answer: other replicas do not know"}});
    end();
  }
  void end() {
    const auto found = replica_.closings_.find(this);
    replica_.loop_.runtime().graveyard.bury(std::move(found->second));
    replica_.closings_.erase(found);
  }

  Replica& replica_;
  const std::string name_;
};

Replica::~Replica() = default;

void Replica::close_name(std::string name, Duration time) {
  auto closing = std::make_unique<Closing>(*this, std::move(name));
  Closing& started = *closing;
  closings_[&started] = std::move(closing);
  started.start(time);
}

RegistryFigures Replica::registry_figures() {
  RegistryFigures figures;
  figures.away = !registry_.directory().is_up();
  return figures;
}

std::vector<PeerFigures> Replica::peer_figures() {
  std::vector<PeerFigures> figures;
  for (const ReplicaView::Replica& each : registry_.directory().replicas()) {
    if (each.id == registry_.directory().self()) continue;
    PeerFigures& peer = figures.emplace_back();
    peer.id = each.id.id;
    peer.address = each.peer_address;
    for (const std::unique_ptr<PeerLink>& link : links_.all()) {
      if (!(link->replica() == each.id)) continue;
      peer.connected = link->is_up();
      peer.streams = link->stats().streams;
      peer.requests = link->stats().streams_opened;
    }
  }
  return figures;
}

Error Replica::start() {
  if (Error error = door_.listen(options_.peer_listen, peer_server_)) {
    return {error.kind, "--peer-listen: " + error.detail};
  }
  registry_.start(options_.peer_advertise.empty() ? to_string(door_.address()) : options_.peer_advertise);
  return {};
}

void Replica::set_tls(std::shared_ptr<TlsContext> peer_server, std::shared_ptr<TlsContext> peer_client) {
  door_.set_tls(std::move(peer_server));
  dialer_.set_tls(std::move(peer_client));
}

void Replica::close() {
  door_.close();
  links_.close();
}

std::shared_ptr<Tunnel> Replica::tunnel_to(const RemotePlace& place, Registry& registry) {
  return std::make_shared<RemoteTunnel>(loop_.runtime(), place.name, links_,
                                        RemoteTunnel::Place{place.replica, place.address, place.policy_version},
                                        registry);
}

}  // namespace tenfold::broker
