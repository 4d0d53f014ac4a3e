#include "broker/broker.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "broker/admin/health_site.h"
#include "broker/admin/readiness.h"
#include "broker/admin/site_door.h"
#include "broker/admission/address_counts.h"
#include "broker/admission/password_pool.h"
#include "broker/admission/secret.h"
#include "broker/admission/token_file.h"
#include "broker/classic/classic_ports.h"
#include "broker/desk/desk.h"
#include "broker/desk/own_site.h"
#include "broker/front/front_door.h"
#include "broker/link/link_door.h"
#include "broker/rules.h"
#include "broker/tunnels/memory_registry.h"
#include "broker/tunnels/tunnel_name.h"
#include "tls/tls_context.h"

namespace tenfold::broker {
namespace {

// "Connections: at most half of the fd limit": the other half is for pools, links' apps and files.
std::size_t most_connections() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 512;
  if (files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_NOFILE, &files);
  }
  return std::max<std::size_t>(16, files.rlim_cur / 2);
}

// Classic ports and sockets: the other half, less the descriptors that the process already uses.
std::size_t most_classic(std::size_t connections) {
  return connections - std::min<std::size_t>(connections / 4, rules::own_descriptors);
}

constexpr std::string_view plain_tokens_advice =
    "secrets stand in this file as they are: `broker token hash --file FILE` puts their hashes in their place";

// Names the flag in the error.
Error of_flag(std::string_view flag, const Error& error) {
  return {error.kind, std::string(flag) + ": " + error.detail};
}

std::size_t memory_limit(const Options& options) {
  if (options.memory_limit != 0) return options.memory_limit;
  const auto pages = static_cast<std::size_t>(std::max(sysconf(_SC_PHYS_PAGES), 0L));
  const auto page = static_cast<std::size_t>(std::max(sysconf(_SC_PAGESIZE), 0L));
  return std::max(pages * page / rules::memory_limit_part, rules::memory_limit_least);
}

OwnSiteOptions own_site_options(const Options& options) {
  return {options.public_url, options.landing, options.classic, options.classic_address, options.classic_without_token};
}

ClassicOptions classic_options(const Options& options) {
  return {options.classic_bind, options.classic_port_low,         options.classic_port_high,
          options.max_conn,     most_classic(most_connections()), options.classic_any_address};
}

// Until when agents of another broker may be on their way to this one.
TimePoint expects_until(Loop& loop, const Options& options) {
  return options.has_inherited() ? loop.runtime().now() + options.warmup : TimePoint{};
}

FrontDoorOptions front_door_options(const Options& options) {
  FrontDoorOptions front{most_connections(), options.patience, options.patience, options.unix_mode,
                         options.proxy_protocol_from};
  front.proxy_patience.keep_alive = options.keep_alive_proxy;
  return front;
}

}  // namespace

// In the order of construction: each part borrows from those above it.
class Broker::Parts final : private Timer {
 public:
  Parts(Loop& loop_, const Options& options, std::shared_ptr<const TokenStore> tokens,
        std::vector<std::string> cluster_keys, std::function<void()> on_stopped)
      : loop(loop_),
        stopped(std::move(on_stopped)),
        proxies(options.proxies),
        router(options.domain),
        names(loop.runtime()),
        registry(loop.runtime(), names, expects_until(loop, options)),
        passwords(loop),
        admission(loop.runtime(), {std::move(tokens), options.tunnels_per_ip, options.creates_per_ip}),
        addresses(options.connections_per_ip),
        classic(loop, classic_options(options), registry, admission, addresses),
        resume_tokens(std::move(cluster_keys)),
        link_side{loop, registry, admission, resume_tokens, random_tunnel_name(), memory_limit(options)},
        links(link_side),
        own_site(own_site_options(options), router, registry),
        makers{loop.runtime(), own_site, registry, admission, resume_tokens, classic},
        shared{loop.runtime()},
        desk_side{loop.runtime(), shared.head_buffers,
                  router,         registry,
                  own_site,       makers,
                  links,          proxies,
                  request_ids,    passwords,
                  metrics,        loop.runtime().now() + options.warmup},
        desk(desk_side),
        drain_time(options.drain_time),
        door(loop, front_door_options(options), proxies, addresses, shared, desk, links) {
    readiness.add("draining", [this] { return draining ? "the broker is going down" : ""; });
  }

  // Buried objects may borrow from these parts, so they are destroyed first.
  ~Parts() override {
    door.close();
    desk.close();
    links.close();
    loop.runtime().graveyard.clear();
  }

  void drain() {
    draining = true;
    loop.runtime().log.info("draining");
    own_site.drain();
    loop.runtime().timers.arm_in(*this, drain_time);
    links.announce_drain(drain_time);
    // A draining link takes no new stream, so visitors end before links.
    door.drain([this] { links.drain([this] { stop(); }); });
  }

  void stop() {
    loop.runtime().timers.disarm(*this);
    classic.drain();
    if (stopped) std::exchange(stopped, nullptr)();
  }

  // First call: the drain time is over. Second call: so is the time for requests that were ended then.
  void on_timer() override {
    if (std::exchange(ending, true)) return stop();
    const std::size_t upgraded = desk.end_upgraded();
    const std::size_t cut = door.end_now();
    loop.runtime().log.warn("drain-timeout", {{"upgraded_ended", upgraded}, {"requests_cut", cut}});
    loop.runtime().timers.arm_in(*this, limits::drain_grace);
  }

  Loop& loop;
  std::function<void()> stopped;
  bool draining = false;
  bool ending = false;
  const ProxyList proxies;
  const Router router;
  RequestIds request_ids;
  Metrics metrics;
  NameTable names;
  MemoryRegistry registry;
  PasswordPool passwords;
  Admission admission;
  AddressCounts addresses;
  ClassicPorts classic;
  ResumeTokens resume_tokens;
  const LinkSide link_side;
  LinkDoor links;
  OwnSite own_site;
  const TunnelMakers makers;
  http1::ServerShared shared;
  const DeskSide desk_side;
  Desk desk;
  const Duration drain_time;
  FrontDoor door;
  // The operator's side: it reads all of the above.
  Readiness readiness;
  HealthSite health_site{readiness, [] { return std::string(); }};
  SiteDoor health{loop, "health", health_site};
};

Broker::Broker(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Broker::~Broker() = default;

Result<std::unique_ptr<Broker>> Broker::start(Loop& loop, const Options& options, std::function<void()> on_stopped) {
  std::shared_ptr<const TokenStore> tokens;
  if (!options.token_file.empty()) {
    const Result<TokenFile> read = read_token_file(options.token_file);
    if (!read) return of_flag("--token-file", read.error());
    if (read->plain() != 0) {
      loop.runtime().log.warn(
          "token-plain", {{"file", options.token_file}, {"tokens", read->plain()}, {"detail", plain_tokens_advice}});
    }
    tokens = std::make_shared<const TokenStore>(read->tokens());
  }
  std::shared_ptr<TlsContext> tls;
  if (options.has_https()) {
    Result<std::shared_ptr<TlsContext>> made = TlsContext::server({options.tls_cert, options.tls_key});
    if (!made) return of_flag("--tls-cert, --tls-key", made.error());
    tls = *std::move(made);
  }
  // Without a file resume tokens are good for this process only.
  std::vector<std::string> cluster_keys{random_bytes(rules::cluster_key_least)};
  if (!options.cluster_secret_file.empty()) {
    Result<std::vector<std::string>> read = read_cluster_keys(options.cluster_secret_file);
    if (!read) return of_flag("--cluster-secret-file", read.error());
    cluster_keys = *std::move(read);
  }
  auto parts =
      std::make_unique<Parts>(loop, options, std::move(tokens), std::move(cluster_keys), std::move(on_stopped));
  for (const InheritedSocket& socket : options.inherited_http) {
    if (const Error error = parts->door.adopt(socket, nullptr)) return of_flag("LISTEN_FDS", error);
  }
  for (const InheritedSocket& socket : options.inherited_https) {
    if (const Error error = parts->door.adopt(socket, tls)) return of_flag("LISTEN_FDS", error);
  }
  for (const Address& address : options.http) {
    if (const Error error = parts->door.listen(address, nullptr)) return of_flag("--http", error);
  }
  for (const Address& address : options.https) {
    if (const Error error = parts->door.listen(address, tls)) return of_flag("--https", error);
  }
  if (options.health) {
    if (const Error error = parts->health.listen(*options.health)) return of_flag("--health", error);
  }
  return std::unique_ptr<Broker>(new Broker(std::move(parts)));
}

void Broker::drain() { parts_->drain(); }

}  // namespace tenfold::broker
