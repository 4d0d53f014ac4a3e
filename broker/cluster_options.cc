#include "broker/cluster_options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"

namespace tenfold::broker {
namespace {

Error bad(std::string_view flag, std::string_view value, std::string_view why) {
  return {ErrorKind::usage, std::string(flag) + " " + printable(value, 128) + ": " + std::string(why)};
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

bool is_replica_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
  });
}

}  // namespace

void declare_cluster(CLI::App& app, ClusterTexts& texts, std::string& secret_file, ClusterOptions& cluster) {
  constexpr const char* group = "Replicas";
  app.add_option("--registry", texts.registry,
                 "Who knows the tunnels' names: memory, for a broker that stands alone, or a Redis (6 or later) or "
                 "Valkey that all replicas share (default: memory)")
      ->type_name("memory|redis[s]://[USER:PASSWORD@]HOST[:PORT][/DB]")
      ->group(group);
  app.add_option("--registry-ca", cluster.registry_ca, "Who signed its certificate, PEM (default: the system's roots)")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--cluster-secret-file", secret_file,
                 "The key of the tokens by which agents get their names back, one a line and two at most: the new one "
                 "and the one before; the same on all replicas (default: a random one, of this process)")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--replica-id", cluster.replica_id, "What this replica is called (default: the host's name)")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--peer-listen", texts.peer_listen, "Where the other replicas' visitors come in")
      ->type_name("ADDR:PORT")
      ->group(group);
  app.add_option("--peer-advertise", cluster.peer_advertise, "How the others reach it (default: as it listens)")
      ->type_name("HOST:PORT")
      ->group(group);
  app.add_option("--peer-cert", cluster.peer_cert, "The certificate towards other replicas, for tenfold-peer, PEM")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--peer-key", cluster.peer_key, "Its key, PEM")->type_name("FILE")->group(group);
  app.add_option("--peer-ca", cluster.peer_ca, "Who signs replicas' certificates, PEM")
      ->type_name("FILE")
      ->group(group);
}

// A registry that is shared needs all of it: a visitor may land on any replica.
Error check_cluster(const ClusterTexts& texts, const std::string& secret_file, ClusterOptions& cluster) {
  if (texts.registry == "memory") return {};
  Result<RedisAddress> registry = RedisAddress::parse(texts.registry);
  if (!registry) return {ErrorKind::usage, "--registry: " + registry.error().detail};
  cluster.registry = *std::move(registry);
  struct Needed {
    const char* flag;
    std::string_view value;
  };
  for (const Needed& needed : {Needed{"--cluster-secret-file", secret_file}, Needed{"--peer-listen", texts.peer_listen},
                               Needed{"--peer-cert", cluster.peer_cert}, Needed{"--peer-key", cluster.peer_key},
                               Needed{"--peer-ca", cluster.peer_ca}}) {
    if (needed.value.empty()) {
      return {ErrorKind::usage, std::string("--registry redis:// needs ") + needed.flag + ": the same on all replicas"};
    }
  }
  const Result<Address> listen = Address::parse_tcp(texts.peer_listen, true);
  if (!listen) return bad("--peer-listen", texts.peer_listen, "must be ADDR:PORT");
  cluster.peer_listen = *listen;
  const bool any =
      cluster.peer_listen.host.empty() || cluster.peer_listen.host == "0.0.0.0" || cluster.peer_listen.host == "::";
  if (cluster.peer_advertise.empty() && any) {
    return {ErrorKind::usage, "--peer-advertise HOST:PORT is needed: --peer-listen is every address of this machine"};
  }
  if (!cluster.peer_advertise.empty()) {
    if (!Address::parse_tcp(cluster.peer_advertise)) {
      return bad("--peer-advertise", cluster.peer_advertise, "must be HOST:PORT");
    }
  }
  if (cluster.replica_id.empty()) cluster.replica_id = host_name();
  if (!is_replica_id(cluster.replica_id)) {
    return bad("--replica-id", cluster.replica_id, "must be 1 to 64 of a-z, A-Z, 0-9, . and -");
  }
  return {};
}

}  // namespace tenfold::broker
