#include "broker/admin/metrics_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "broker/admin/process.h"
#include "http/failure_texts.h"
#include "mux/handshake.h"

namespace tenfold::broker {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

class Page {
 public:
  // What follows is of this family.
  void family(std::string name, MetricType type, std::string help) {
    families_.push_back({std::move(name), std::move(help), type, {}});
  }

  template <typename Number>
  void value(Number number, Labels labels = {}) {
    ClientMetric& metric = add(std::move(labels));
    metric.counter.value = metric.gauge.value = static_cast<double>(number);
  }

  void value(const Histogram& histogram, Labels labels = {}) {
    ClientMetric& metric = add(std::move(labels));
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < Histogram::buckets; ++i) {
      below += histogram.in_bucket(i);
      const bool last = i + 1 == Histogram::buckets;
      metric.histogram.bucket.push_back(
          {below, last ? std::numeric_limits<double>::infinity() : seconds(Histogram::bucket_end(i))});
    }
    metric.histogram.sample_count = below;
    metric.histogram.sample_sum = seconds(histogram.sum());
  }

  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  ClientMetric& add(Labels labels) {
    ClientMetric& metric = families_.back().metric.emplace_back();
    metric.label = std::move(labels);
    return metric;
  }

  std::vector<MetricFamily> families_;
};

constexpr MetricType counter = MetricType::Counter;
constexpr MetricType gauge = MetricType::Gauge;
constexpr MetricType histogram = MetricType::Histogram;

void put_state(Page& page, const Sources& sources) {
  const std::vector<Readiness::Found> checks = sources.readiness.look();
  page.family("tenfold_build_info", gauge, "1, with the version of this broker.");
  page.value(1, {{"version", TENFOLD_VERSION}});
  page.family("tenfold_ready", gauge, "1 while each check of /readyz passes.");
  page.value(Readiness::is_ready(checks));
  page.family("tenfold_ready_check", gauge, "1 while the check passes.");
  for (const auto& [name, failing, weight] : checks) page.value(failing.empty(), {{"check", std::string(name)}});
}

void put_requests(Page& page, const Sources& sources) {
  const Metrics& metrics = sources.metrics;
  page.family("tenfold_requests_total", counter,
              "Requests that have ended, by how, and by who decided it: the app that answered, who failed, who left.");
  const auto ended = [&](Outcome outcome, Origin origin) {
    page.value(metrics.requests(outcome, origin), {{"outcome", to_string(outcome)}, {"origin", to_string(origin)}});
  };
  ended(Outcome::served, Origin::app);
  ended(Outcome::upgraded, Origin::app);
  ended(Outcome::own, Origin::broker);
  ended(Outcome::linked, Origin::broker);
  ended(Outcome::rejected, Origin::visitor);
  ended(Outcome::left, Origin::visitor);
  for (const Origin origin :
       {Origin::visitor, Origin::broker, Origin::link, Origin::agent, Origin::app, Origin::registry, Origin::peer}) {
    ended(Outcome::failed, origin);
  }
  page.family("tenfold_requests_running", gauge, "Requests that run now, upgraded connections included.");
  page.value(sources.desk.running());

  page.family("tenfold_failures_total", counter, "Requests that failed, by code.");
  std::map<std::string_view, Origin> codes;
  for (const FailureForm& form : failure_forms()) codes.emplace(form.code, form.origin);
  for (const auto& [code, origin] : codes) {
    page.value(metrics.failures(code), {{"code", std::string(code)}, {"origin", to_string(origin)}});
  }
  page.family("tenfold_responses_total", counter, "Answers by the class of their status.");
  for (int hundreds = 1; hundreds <= 5; ++hundreds) {
    page.value(metrics.answers(hundreds), {{"class", std::to_string(hundreds) + "xx"}});
  }
  page.family("tenfold_rejects_total", counter, "Requests that are not valid HTTP, by the reason of their refusal.");
  for (const auto& [reason, count] : metrics.rejects()) page.value(count, {{"reason", reason}});
  page.family("tenfold_expired_waits_total", counter, "Waits for a visitor or an app that expired, by limit.");
  for (const http::Limit limit : {http::Limit::first_byte, http::Limit::body_idle, http::Limit::stream_idle,
                                  http::Limit::half_close, http::Limit::reader_idle, http::Limit::reader_stands}) {
    page.value(metrics.expired(limit), {{"limit", std::string(to_string(limit))}});
  }
  page.family("tenfold_request_body_bytes_total", counter, "Bytes of requests' bodies that were read.");
  page.value(metrics.body_in());
  page.family("tenfold_response_body_bytes_total", counter, "Bytes of answers' bodies that were written.");
  page.value(metrics.body_out());

  page.family("tenfold_request_phase_seconds", histogram,
              "Phases of a request to a tunnel: edge (its head is read, its tunnel found), wait (for a stream or "
              "socket), link (a round trip to the agent), app (up to the first byte of the answer).");
  page.value(metrics.edge(), {{"phase", "edge"}});
  page.value(metrics.wait(), {{"phase", "wait"}});
  page.value(metrics.link(), {{"phase", "link"}});
  page.value(metrics.app(), {{"phase", "app"}});
  page.family("tenfold_request_duration_seconds", histogram, "Served requests, from the head to the answer's end.");
  page.value(metrics.whole());
}

void put_visitors(Page& page, const Sources& sources) {
  const FrontDoor::Counts counts = sources.door.counts();
  page.family("tenfold_connections", gauge, "Visitors' connections that are open.");
  page.value(counts.now);
  page.family("tenfold_connections_accepted_total", counter, "Visitors' connections.");
  page.value(counts.accepted);
  page.family("tenfold_connections_turned_away_total", counter, "Connections that were closed at once, by reason.");
  page.value(counts.turned_away_full, {{"reason", "connections"}});
  page.value(counts.turned_away_by_address, {{"reason", "connections-per-ip"}});
}

void put_tunnels(Page& page, const Sources& sources) {
  struct Kind {
    std::size_t tunnels = 0;
    std::size_t connections = 0;
  };
  std::map<std::string_view, Kind> kinds{{"classic", {}}, {"mux", {}}};
  std::size_t waiting = 0;
  sources.names.for_each([&](const Tunnel& tunnel, bool) {
    Kind& kind = kinds[tunnel.kind()];
    ++kind.tunnels;
    kind.connections += tunnel.connected();
    waiting += tunnel.visitors_waiting();
  });
  page.family("tenfold_tunnels", gauge, "Tunnels whose agent is connected here.");
  for (const auto& [kind, each] : kinds) page.value(each.tunnels, {{"kind", std::string(kind)}});
  page.family("tenfold_tunnel_connections", gauge,
              "Streams of mux tunnels and sockets of classic ones, idle included.");
  for (const auto& [kind, each] : kinds) page.value(each.connections, {{"kind", std::string(kind)}});
  page.family("tenfold_visitors_waiting", gauge, "Requests that wait for a free stream or socket now.");
  page.value(waiting);
  page.family("tenfold_handshake_refusals_total", counter, "Tunnels that were refused, by code.");
  for (std::size_t i = 1; i < handshake::refusals; ++i) {
    const auto refusal = static_cast<handshake::Refusal>(i);
    page.value(sources.refusals.of(refusal), {{"code", std::string(handshake::form(refusal).code)}});
  }
}

void put_links(Page& page, const Sources& sources) {
  LinkStats all;
  Duration slowest{};
  sources.links.for_each([&](LinkSession& session) {
    const LinkStats stats = session.stats();
    all.streams += stats.streams;
    all.streams_opened += stats.streams_opened;
    all.window_waits += stats.window_waits;
    all.bytes_queued += stats.bytes_queued;
    all.bytes_held += stats.bytes_held;
    slowest = std::max(slowest, stats.rtt);
  });
  const LinkDoor::Ended& ended = sources.links.ended();
  page.family("tenfold_links", gauge, "Agents' links.");
  page.value(sources.links.size());
  page.family(
      "tenfold_links_ended_total", counter,
      "Links that have ended, by cause: limit and protocol are faults of the agent's side, as frames in a flood.");
  for (std::size_t i = 0; i < LinkDoor::Ended::kinds; ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    const bool always = kind == ErrorKind::none || kind == ErrorKind::closed || kind == ErrorKind::timeout ||
                        kind == ErrorKind::protocol || kind == ErrorKind::limit || kind == ErrorKind::io;
    if (always || ended.by_kind[i] != 0) page.value(ended.by_kind[i], {{"cause", to_string(kind)}});
  }
  page.family("tenfold_link_streams", gauge, "Streams of links that are open, idle ones included.");
  page.value(all.streams);
  page.family("tenfold_link_streams_opened_total", counter, "Streams of links.");
  page.value(all.streams_opened + ended.streams_opened);
  page.family("tenfold_link_window_waits_total", counter,
              "Times that a stream had bytes to send and its agent's window was full.");
  page.value(all.window_waits + ended.window_waits);
  page.family("tenfold_link_queued_bytes", gauge, "Bytes that wait to be sent to agents.");
  page.value(all.bytes_queued);
  page.family("tenfold_link_held_bytes", gauge, "Bytes from agents that visitors have not read yet.");
  page.value(all.bytes_held);
  page.family("tenfold_link_round_trip_max_seconds", gauge, "The longest of the links' last round trips.");
  page.value(seconds(slowest));
}

void put_replicas(Page& page, const Sources& sources) {
  const RegistryFigures registry = sources.registry();
  page.family("tenfold_registry_up", gauge, "1 while the registry of names answers.");
  page.value(!registry.away);
  page.family("tenfold_registry_answers_total", counter,
              "Questions to the registry of replicas, by whether it answered.");
  page.value(registry.answered, {{"result", "answered"}});
  page.value(registry.unanswered, {{"result", "unanswered"}});
  page.family("tenfold_registry_answer_seconds", histogram, "The registry's answers.");
  page.value(registry.answer_time);
  const std::vector<PeerFigures> peers = sources.peers();
  const auto connected = std::count_if(peers.begin(), peers.end(), [](const auto& peer) { return peer.connected; });
  page.family("tenfold_peers", gauge, "Other replicas, by whether a link to them is up.");
  page.value(connected, {{"state", "connected"}});
  page.value(peers.size() - static_cast<std::size_t>(connected), {{"state", "away"}});
}

void put_process(Page& page, const Sources& sources) {
  page.family("tenfold_queue_bytes", gauge, "Memory in which bytes wait for slow readers.");
  page.value(sources.runtime.blocks.blocks_in_use() * sizeof(BlockPool::Block));
  page.family("tenfold_queue_limit_bytes", gauge, "What that memory may be: --memory-limit.");
  page.value(sources.memory_limit);
  page.family("tenfold_access_log_dropped_total", counter, "Lines of the access log that could not be written.");
  page.value(sources.access_log == nullptr ? 0 : sources.access_log->dropped());

  const ProcessFigures process = read_process();
  page.family("process_cpu_seconds_total", counter, "Processor time, user and system.");
  page.value(process.cpu_seconds);
  page.family("process_start_time_seconds", gauge, "Start of the process, since the epoch.");
  page.value(process.start_seconds);
  page.family("process_resident_memory_bytes", gauge, "Resident memory.");
  page.value(process.resident_bytes);
  page.family("process_virtual_memory_bytes", gauge, "Virtual memory.");
  page.value(process.virtual_bytes);
  page.family("process_open_fds", gauge, "Open file descriptors.");
  page.value(process.open_fds);
  page.family("process_max_fds", gauge, "The most that there may be.");
  page.value(process.max_fds);
}

}  // namespace

std::string metrics_text(const Sources& sources) {
  Page page;
  put_state(page, sources);
  put_requests(page, sources);
  put_visitors(page, sources);
  put_tunnels(page, sources);
  put_links(page, sources);
  put_replicas(page, sources);
  put_process(page, sources);
  return page.text();
}

}  // namespace tenfold::broker
