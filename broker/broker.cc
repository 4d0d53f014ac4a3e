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
#include "broker/classic/classic_ports.h"
#include "broker/desk/desk.h"
#include "broker/desk/own_site.h"
#include "broker/drain.h"
#include "broker/front/front_door.h"
#include "broker/link/link_door.h"
#include "broker/replica.h"
#include "broker/rules.h"
#include "broker/settings.h"
#include "broker/tunnels/memory_registry.h"
#include "broker/tunnels/tunnel_name.h"

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
  FrontDoorOptions front{most_connections(), options.patience, options.patience, options.unix_mode};
  front.proxy_patience.keep_alive = options.keep_alive_proxy;
  return front;
}

}  // namespace

// In the order of construction: each part borrows from those above it.
class Broker::Parts final : private Control, private ClusterRegistry::Owner {
 public:
  Parts(Loop& loop_, const Options& given, Settings read, std::string admin_token,
        std::unique_ptr<AccessLogFile> access_log_, std::function<void()> on_stopped)
      : loop(loop_),
        options(given),
        settings(std::move(read)),
        access_log(std::move(access_log_)),
        router(options.domain),
        names(loop.runtime()),
        server_id(random_tunnel_name()),
        own_registry(loop.runtime(), names, expects_until(loop, options)),
        replica(make_replica()),
        registry(replica == nullptr ? static_cast<Registry&>(own_registry) : replica->registry()),
        passwords(loop),
        admission(loop.runtime(), settings.admission),
        addresses(options.connections_per_ip),
        classic(loop, classic_options(options), registry, admission, addresses),
        resume_tokens(settings.cluster_keys),
        link_side{loop, registry, admission, resume_tokens, server_id, memory_limit(options)},
        links(link_side),
        own_site(own_site_options(options), router, registry),
        makers{loop.runtime(), own_site, registry, admission, resume_tokens, classic},
        shared{loop.runtime()},
        desk_side{loop.runtime(),  shared.head_buffers,
                  router,          registry,
                  own_site,        makers,
                  links,           settings.proxies,
                  request_ids,     passwords,
                  metrics,         loop.runtime().now() + options.warmup,
                  access_log.get()},
        desk(desk_side),
        door(loop, front_door_options(options), settings.proxies, settings.header_senders, addresses, shared, desk,
             links),
        going_down({loop.runtime(), own_site, door, desk, links, classic}, settings.drain,
                   [this, stopped = std::move(on_stopped)] {
                     if (replica != nullptr) replica->leave();
                     stopped();
                   }),
        sources{
            loop.runtime(),       readiness, metrics, names, links, door, desk, admission.refusals(), access_log.get(),
            memory_limit(options)},
        admin_site(sources, static_cast<Control&>(*this), options.admin.value_or(Address{}), std::move(admin_token)) {
    if (replica != nullptr) {
      sources.registry = [this] { return replica->registry_figures(); };
      sources.peers = [this] { return replica->peer_figures(); };
    }
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
    if (replica != nullptr) replica->close();
    loop.runtime().graveyard.clear();
  }

  std::unique_ptr<Replica> make_replica() {
    if (!options.cluster.registry) return nullptr;
    const Replica::Contexts contexts{settings.peer_server, settings.peer_client, settings.registry_tls};
    return std::make_unique<Replica>(loop, names, options.cluster, contexts, server_id,
                                     static_cast<ClusterRegistry::Owner&>(*this));
  }

  // An operator closed the name on some replica, which keeps it closed.
  void on_name_killed(const std::string& name) override { end_tunnels(name, "killed"); }

  // Any rules may let in fewer visitors than those before; none let in all.
  void on_rules_changed(const std::string& name, const VisitorPolicy* policy) override {
    replica->cut_stale(name, policy_version(policy), policy != nullptr);
  }

  Error reload(const Options& wanted) {
    Log& log = loop.runtime().log;
    Options now = reloaded_options(options, wanted);
    Result<Settings> read = read_settings(now, log, &settings);
    if (!read) return read.error();
    if (access_log != nullptr) {
      if (const Error error = access_log->reopen()) return of_flag("--access-log", error);
    }
    for (const std::string& flag : restart_needed(options, wanted)) {
      log.warn("restart-needed", {{"flag", flag}, {"detail", "it was changed, and counts after a restart"}});
    }
    const std::string changed = changes(settings, *read, options.given, now.given);
    const Settings before = std::exchange(settings, *std::move(read));
    options = std::move(now);
    admission.apply(settings.admission);
    if (settings.cluster_keys != before.cluster_keys) {
      resume_tokens.rotate(settings.cluster_keys);
      links.renew_tokens();
    }
    if (replica != nullptr) replica->set_tls(settings.peer_server, settings.peer_client);
    log.info("reloaded", {{"changed", changed}, {"ended", end_tunnels_of_former(before)}});
    log.set_level(settings.log_level);
    return {};
  }

  // What was made with a token that is gone, or with none where one is needed now.
  std::size_t end_tunnels_of_former(const Settings& before) {
    const TokenStore* now = settings.admission.tokens.get();
    if (now == nullptr) return 0;
    std::size_t ended = 0;
    if (before.admission.tokens == nullptr) {
      ended += links.end_tunnels_of({});
      if (!options.classic_without_token) ended += classic.end_tunnels_of({});
    }
    for (const std::string& token : revoked_tokens(before.admission.tokens.get(), now)) ended += end_tunnels_of(token);
    return ended;
  }

  // All tunnels that were made with the token of that name, of both kinds.
  std::size_t end_tunnels_of(std::string_view token) {
    return links.end_tunnels_of(token) + classic.end_tunnels_of(token);
  }

  // The kill switch: nothing of the tunnel is left when this returns. The ban comes first, since an agent may ask for
  // the name again at once.
  Result<bool> kill(std::string_view name, Duration ban) override {
    if (ban > Duration::zero() && !admission.ban(name, ban)) {
      return Error{ErrorKind::limit, "too many names are banned already"};
    }
    // The others hear of it by the registry, and end theirs.
    if (replica != nullptr) replica->close_name(std::string(name), ban);
    const bool known = end_tunnels(name, ban > Duration::zero() ? "banned" : "killed");
    return known || ban > Duration::zero() || replica != nullptr;
  }

  // Whether there was anything of that name here.
  bool end_tunnels(std::string_view name, std::string_view code) {
    const std::vector<std::shared_ptr<Tunnel>> tunnels = names.tunnels_of(name);
    for (const std::shared_ptr<Tunnel>& tunnel : tunnels) tunnel->end_by_operator(code);
    const std::size_t requests = desk.end_requests_of(name);
    if (replica != nullptr) replica->cut_streams_of(name);
    const bool known = names.forget(name) || !tunnels.empty();
    loop.runtime().log.info("killed",
                            {{"name", name}, {"code", code}, {"tunnels", tunnels.size()}, {"requests", requests}});
    return known;
  }

  Loop& loop;
  Options options;                                  // in force
  Settings settings;                                // of these
  const std::unique_ptr<AccessLogFile> access_log;  // null: none
  const Router router;
  RequestIds request_ids;
  Metrics metrics;
  NameTable names;
  const std::string server_id;  // what peers and agents are greeted with
  MemoryRegistry own_registry;
  const std::unique_ptr<Replica> replica;  // null: this broker stands alone
  Registry& registry;
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
  Sources sources;
  AdminSite admin_site;
  SiteDoor admin{loop, "admin", admin_site};
  HealthSite health_site{readiness, [this] { return metrics_text(sources); }};
  SiteDoor health{loop, "health", health_site};
};

Broker::Broker(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Broker::~Broker() = default;

Result<std::unique_ptr<Broker>> Broker::start(Loop& loop, const Options& options, std::function<void()> on_stopped) {
  Result<Settings> settings = read_settings(options, loop.runtime().log);
  if (!settings) return settings.error();
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
  auto parts = std::make_unique<Parts>(loop, options, *std::move(settings), std::move(admin_token),
                                       std::move(access_log), std::move(on_stopped));
  for (const InheritedSocket& socket : options.inherited_http) {
    if (const Error error = parts->door.adopt(socket, nullptr)) return of_flag("LISTEN_FDS", error);
  }
  for (const InheritedSocket& socket : options.inherited_https) {
    if (const Error error = parts->door.adopt(socket, &parts->settings.tls)) return of_flag("LISTEN_FDS", error);
  }
  for (const Address& address : options.http) {
    if (const Error error = parts->door.listen(address, nullptr)) return of_flag("--http", error);
  }
  for (const Address& address : options.https) {
    if (const Error error = parts->door.listen(address, &parts->settings.tls)) return of_flag("--https", error);
  }
  if (options.health) {
    if (const Error error = parts->health.listen(*options.health)) return of_flag("--health", error);
  }
  if (options.admin) {
    if (const Error error = parts->admin.listen(*options.admin)) return of_flag("--admin", error);
  }
  if (parts->replica != nullptr) {
    if (const Error error = parts->replica->start()) return error;
  }
  return std::unique_ptr<Broker>(new Broker(std::move(parts)));
}

Error Broker::check(const Options& options, Log& log) {
  const Result<Settings> settings = read_settings(options, log);
  return settings ? Error{} : settings.error();
}

Error Broker::reload(const Options& options) { return parts_->reload(options); }

void Broker::drain() {
  if (parts_->replica != nullptr) parts_->replica->announce_drain(parts_->settings.drain.timeout);
  parts_->going_down.start();
}

void Broker::flush_access_log() {
  if (parts_->access_log != nullptr) parts_->access_log->flush();
}

}  // namespace tenfold::broker
