// Replica: what makes a broker one of several: the registry that they share, the door for the others' visitors, and the
// links to where the others' tunnels stand.
//
//   Replica replica(loop, names, options.cluster, contexts, server_id, owner);
//   if (Error error = replica.start()) …        // listens, and joins the others
//   replica.registry()                          // in place of the broker's own
//   replica.announce_drain(deadline);  …  replica.leave();  replica.close();
//
// Owned by the broker. The name table outlives it; so do the tunnels' users: visitors hold streams of its links.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "broker/admin/sources.h"
#include "broker/cluster/cluster_registry.h"
#include "broker/cluster/peer_dialer.h"
#include "broker/cluster/peer_door.h"
#include "broker/cluster/peer_links.h"
#include "broker/cluster/redis_dialer.h"
#include "broker/cluster_options.h"
#include "io/loop.h"
#include "tls/tls_context.h"

namespace tenfold::broker {

class Replica final : private Remotes {
 public:
  // What it needs of files, read before.
  struct Contexts {
    std::shared_ptr<TlsContext> peer_server;
    std::shared_ptr<TlsContext> peer_client;
    std::shared_ptr<TlsContext> registry;  // null: not rediss://
  };

  // `names` and `owner` outlive it. `server_id` is what peers are greeted with.
  Replica(Loop& loop, NameTable& names, const ClusterOptions& options, const Contexts& contexts,
          const std::string& server_id, ClusterRegistry::Owner& owner);
  ~Replica();

  // The error names the flag.
  Error start();

  ClusterRegistry& registry() { return registry_; }
  const PeerDoor& door() const { return door_; }
  const PeerLinks& links() const { return links_; }

  // For connections from now on.
  void set_tls(std::shared_ptr<TlsContext> peer_server, std::shared_ptr<TlsContext> peer_client);

  // Ends the tunnels of that name on all replicas, and keeps it closed for `time`.
  void close_name(std::string name, Duration time);

  // Of what other replicas' visitors have here: as PeerDoor does.
  void cut_stale(std::string_view name, std::uint64_t version, bool strict) { door_.cut_stale(name, version, strict); }
  void cut_streams_of(std::string_view name) { door_.cut_streams_of(name); }

  RegistryFigures registry_figures();
  std::vector<PeerFigures> peer_figures();

  void announce_drain(Duration deadline) { door_.announce_drain(deadline); }
  // Off the air at once; names that stand here are kept for their owners.
  void leave() { registry_.leave(); }
  void close();

 private:
  // A name that is being closed.
  class Closing;

  std::shared_ptr<Tunnel> tunnel_to(const RemotePlace& place, Registry& registry) override;

  Loop& loop_;
  const ClusterOptions options_;
  std::shared_ptr<TlsContext> peer_server_;
  SocketPeerDialer dialer_;
  PeerLinks links_;
  PeerDoor door_;
  SocketRedisDialer commands_;
  SocketRedisDialer events_;
  ClusterRegistry registry_;
  std::unordered_map<Closing*, std::unique_ptr<Closing>> closings_;
};

}  // namespace tenfold::broker
