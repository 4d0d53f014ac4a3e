#include "broker/admin/views.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "broker/admin/process.h"

namespace tenfold::broker {
namespace {

using nlohmann::json;

std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::int64_t seconds_since(const Sources& sources, TimePoint since) {
  return std::chrono::duration_cast<std::chrono::seconds>(sources.runtime.now() - since).count();
}

json tunnel_view(const Sources& sources, const Tunnel& tunnel, bool guarded) {
  const Tunnel::Traffic& traffic = tunnel.traffic();
  return {{"name", tunnel.name()},
          {"kind", tunnel.kind()},
          {"agent", tunnel.agent_address()},
          {"up_seconds", seconds_since(sources, tunnel.since())},
          {"connections", tunnel.connected()},
          {"waiting", tunnel.visitors_waiting()},
          {"guarded", guarded},
          {"requests", traffic.requests},
          {"bytes_in", traffic.in},
          {"bytes_out", traffic.out}};
}

}  // namespace

std::string tunnels_json(const Sources& sources, std::string_view part, std::size_t most) {
  struct Found {
    const Tunnel* tunnel;
    bool guarded;
  };
  std::vector<Found> found;
  sources.names.for_each([&](const Tunnel& tunnel, bool guarded) {
    if (tunnel.name().find(part) != std::string::npos) found.push_back({&tunnel, guarded});
  });
  const auto shown = found.begin() + static_cast<std::ptrdiff_t>(std::min(found.size(), most));
  std::partial_sort(found.begin(), shown, found.end(),
                    [](const Found& a, const Found& b) { return a.tunnel->name() < b.tunnel->name(); });
  json list = json::array();
  for (auto each = found.begin(); each != shown; ++each) {
    list.push_back(tunnel_view(sources, *each->tunnel, each->guarded));
  }
  return text_of({{"tunnels", std::move(list)}, {"total", found.size()}});
}

std::string tunnel_json(const Sources& sources, std::string_view name) {
  json members = json::array();
  sources.names.for_each([&](const Tunnel& tunnel, bool guarded) {
    if (tunnel.name() == name) members.push_back(tunnel_view(sources, tunnel, guarded));
  });
  if (members.empty()) return {};
  return text_of({{"name", name}, {"members", std::move(members)}});
}

std::string links_json(const Sources& sources, std::size_t most) {
  std::vector<LinkSession*> found;
  sources.links.for_each([&](LinkSession& session) { found.push_back(&session); });
  const auto shown = found.begin() + static_cast<std::ptrdiff_t>(std::min(found.size(), most));
  std::partial_sort(found.begin(), shown, found.end(),
                    [](const LinkSession* a, const LinkSession* b) { return a->address() < b->address(); });
  json list = json::array();
  for (auto each = found.begin(); each != shown; ++each) {
    LinkSession& session = **each;
    const LinkStats stats = session.stats();
    list.push_back({{"agent", session.address()},
                    {"agent_id", session.agent()},
                    {"up_seconds", seconds_since(sources, session.since())},
                    {"tunnels", session.names()},
                    {"streams", stats.streams},
                    {"streams_opened", stats.streams_opened},
                    {"queued_bytes", stats.bytes_queued},
                    {"held_bytes", stats.bytes_held},
                    {"window_waits", stats.window_waits},
                    {"round_trip_us", std::chrono::duration_cast<std::chrono::microseconds>(stats.rtt).count()}});
  }
  return text_of({{"links", std::move(list)}, {"total", found.size()}});
}

std::string peers_json(const Sources& sources) {
  json list = json::array();
  for (const PeerFigures& peer : sources.peers()) {
    list.push_back({{"id", peer.id},
                    {"address", peer.address},
                    {"connected", peer.connected},
                    {"streams", peer.streams},
                    {"requests", peer.requests}});
  }
  return text_of({{"peers", std::move(list)}});
}

std::string summary_json(const Sources& sources) {
  const Metrics& metrics = sources.metrics;
  const ProcessFigures process = read_process();
  const std::vector<Readiness::Found> found = sources.readiness.look();
  json checks = json::array();
  for (const auto& [name, failing, weight] : found) checks.push_back({{"name", name}, {"detail", failing}});
  json requests = json::object();
  for (std::size_t i = 0; i < outcomes; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    requests[to_string(outcome)] = metrics.requests(outcome);
  }
  json buckets = json::array();
  for (std::size_t i = 0; i < Histogram::buckets; ++i) buckets.push_back(metrics.whole().in_bucket(i));
  const auto first_end = std::chrono::duration_cast<std::chrono::microseconds>(Histogram::bucket_end(0)).count();
  return text_of({{"version", TENFOLD_VERSION},
                  {"start_seconds", process.start_seconds},
                  {"ready", Readiness::is_ready(found)},
                  {"checks", std::move(checks)},
                  {"tunnels", sources.names.size()},
                  {"links", sources.links.size()},
                  {"connections", sources.door.counts().now},
                  {"requests_running", sources.desk.running()},
                  {"requests", std::move(requests)},
                  {"bytes_in", metrics.body_in()},
                  {"bytes_out", metrics.body_out()},
                  {"durations", {{"first_end_us", first_end}, {"counts", std::move(buckets)}}},
                  {"resident_bytes", process.resident_bytes},
                  {"open_fds", process.open_fds},
                  {"max_fds", process.max_fds}});
}

}  // namespace tenfold::broker
