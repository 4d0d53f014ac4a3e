// The options of a replica: --registry and what goes with it.
#pragma once

#include <optional>
#include <string>

#include "base/address.h"
#include "base/error.h"
#include "broker/cluster/redis_address.h"

namespace CLI {
class App;
}

namespace tenfold::broker {

struct ClusterOptions {
  std::optional<RedisAddress> registry{};  // none: this broker stands alone
  std::string registry_ca{};               // PEM, for rediss://; empty: the system's roots
  std::string replica_id{};                // for logs and the operator; the host's name
  Address peer_listen{};
  std::string peer_advertise{};  // HOST:PORT where other replicas reach peer_listen; empty: as it listens
  std::string peer_cert{};
  std::string peer_key{};
  std::string peer_ca{};
};

// As they are given.
struct ClusterTexts {
  std::string registry = "memory";
  std::string peer_listen{};
};

// Binds the flags. All of it outlives the app.
void declare_cluster(CLI::App& app, ClusterTexts& texts, std::string& secret_file, ClusterOptions& cluster);

// Reads the texts into `cluster`, whose other values are checked. Errors (usage) name the flag.
Error check_cluster(const ClusterTexts& texts, const std::string& secret_file, ClusterOptions& cluster);

}  // namespace tenfold::broker
