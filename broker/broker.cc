#include "broker/broker.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "broker/admin/access_log.h"
#include "broker/admin/admin_site.h"
#include "broker/admin/health_site.h"
#include "broker/admin/metrics_text.h"
#include "broker/admin/readiness.h"
#include "broker/admin/site_door.h"
#include "broker/admin/sources.h"
#include "broker/admission/address_counts.h"
#include "broker/admission/password_pool.h"
#include "broker/admission/secret.h"
#include "broker/admission/token_file.h"
#include "broker/classic/classic_ports.h"
#include "broker/desk/desk.h"
#include "broker/desk/own_site.h"
#include "broker/drain.h"
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

FrontDoorOptions front_door_options(const Options& options) {
  FrontDoorOptions front{most_connections(), options.patience, options.patience, options.unix_mode,
                         options.proxy_protocol_from};
  front.proxy_patience.keep_alive = options.keep_alive_proxy;
  return front;
}

// Without --health no balancer can hear that this broker goes down, and a delay would be for nobody.
DrainTimes drain_times(const Options& options) {
  const Duration delay = options.health ? rules::drain_delay : Duration::zero();
  return {options.drain_delay.value_or(delay), options.drain_time};
}

}  // namespace

// In the order of construction: each part borrows from those above it.
class Broker::Parts final : private Control {
 public:
  Parts(Loop& loop_, const Options& options, std::shared_ptr<const TokenStore> tokens,
        std::vector<std::string> cluster_keys, std::string admin_token, std::unique_ptr<AccessLogFile> access_log_,
        std::function<void()> on_stopped)
      : loop(loop_),
        access_log(std::move(access_log_)),
        proxies(options.proxies),
        router(options.domain),
        names(loop.runtime()),
        registry(loop.runtime(), names),
        passwords(loop),
        admission(loop.runtime(), {std::move(tokens), options.tunnels_per_ip, options.creates_per_ip, options.paced}),
        addresses(options.connections_per_ip),
        classic(loop, classic_options(options), registry, admission, addresses),
        resume_tokens(std::move(cluster_keys)),
        link_side{loop, registry, admission, resume_tokens, random_tunnel_name(), memory_limit(options)},
        links(link_side),
        own_site(own_site_options(options), router, registry),
        makers{loop.runtime(), own_site, registry, admission, resume_tokens, classic},
        shared{loop.runtime()},
        desk_side{loop.runtime(),  shared.head_buffers,
                  router,          registry,
                  own_site,        makers,
                  links,           proxies,
                  request_ids,     passwords,
                  metrics,         loop.runtime().now() + options.warmup,
                  access_log.get()},
        desk(desk_side),
        door(loop, front_door_options(options), proxies, addresses, shared, desk, links),
        going_down({loop.runtime(), own_site, door, desk, links, classic}, drain_times(options), std::move(on_stopped)),
        sources{
            loop.runtime(),       readiness, metrics, names, links, door, desk, admission.refusals(), access_log.get(),
            memory_limit(options)},
        admin_site(sources, static_cast<Control&>(*this), options.admin.value_or(Address{}), std::move(admin_token)) {
    readiness.add("draining", [this] { return going_down.begun() ? "the broker is going down" : ""; });
    readiness.add(
        "registry", [this] { return sources.registry().away ? "it does not answer: new names are refused" : ""; },
        Readiness::Weight::tells);
  }

  // Buried objects may borrow from these parts, so they are destroyed first.
  ~Parts() {
    door.close();
    desk.close();
    links.close();
    loop.runtime().graveyard.clear();
  }

  // The kill switch: nothing of the tunnel is left when this returns. The ban comes first, since an agent may ask for
  // the name again at once.
  Result<bool> kill(std::string_view name, Duration ban) override {
    if (ban > Duration::zero() && !admission.ban(name, ban)) {
      return Error{ErrorKind::limit, "too many names are banned already"};
    }
    const std::vector<std::shared_ptr<Tunnel>> tunnels = names.tunnels_of(name);
    for (const std::shared_ptr<Tunnel>& tunnel : tunnels)
      tunnel->end_by_operator(ban > Duration::zero() ? "banned" : "killed");
    const std::size_t requests = desk.end_requests_of(name);
    const bool known = names.forget(name) || !tunnels.empty();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(ban).count();
    loop.runtime().log.info(
        "killed", {{"name", name}, {"tunnels", tunnels.size()}, {"requests", requests}, {"ban_seconds", seconds}});
    return known || seconds != 0;
  }

  Loop& loop;
  const std::unique_ptr<AccessLogFile> access_log;  // null: none
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
  FrontDoor door;
  Drain going_down;
  // The operator's side: it reads all of the above.
  Readiness readiness;
  const Sources sources;
  AdminSite admin_site;
  SiteDoor admin{loop, "admin", admin_site};
  HealthSite health_site{readiness, [this] { return metrics_text(sources); }};
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
  if (!options.https.empty()) {
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
  std::string admin_token;
  if (!options.admin_token_file.empty()) {
    Result<std::string> read = read_admin_token(options.admin_token_file);
    if (!read) return of_flag("--admin-token-file", read.error());
    admin_token = *std::move(read);
  }
  std::unique_ptr<AccessLogFile> access_log;
  if (!options.access_log.empty()) {
    auto opened = AccessLogFile::open(loop.runtime(), options.access_log, options.access_log_query);
    if (!opened) return of_flag("--access-log", opened.error());
    access_log = *std::move(opened);
  }
  auto parts = std::make_unique<Parts>(loop, options, std::move(tokens), std::move(cluster_keys),
                                       std::move(admin_token), std::move(access_log), std::move(on_stopped));
  for (const Address& address : options.http) {
    if (const Error error = parts->door.listen(address, nullptr)) return of_flag("--http", error);
  }
  for (const Address& address : options.https) {
    if (const Error error = parts->door.listen(address, tls)) return of_flag("--https", error);
  }
  if (options.health) {
    if (const Error error = parts->health.listen(*options.health)) return of_flag("--health", error);
  }
  if (options.admin) {
    if (const Error error = parts->admin.listen(*options.admin)) return of_flag("--admin", error);
  }
  return std::unique_ptr<Broker>(new Broker(std::move(parts)));
}

void Broker::drain() { parts_->going_down.start(); }

Error Broker::reopen_access_log() { return parts_->access_log == nullptr ? Error{} : parts_->access_log->reopen(); }

void Broker::flush_access_log() {
  if (parts_->access_log != nullptr) parts_->access_log->flush();
}

}  // namespace tenfold::broker
