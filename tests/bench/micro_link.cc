// The link in memory, both ends on one core: bytes in bulk and short streams, plain and over TLS; next to nghttp2 alone
// over OpenSSL, and OpenSSL alone. `./dev bench` reads the cpu of an iteration and, of the bulk ones, the counter
// `bytes`.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "bare_h2.h"
#include "bare_tls.h"
#include "engine_wire.h"
#include "link_wire.h"

namespace tenfold::bench {
namespace {

constexpr std::size_t bulk_bytes = 16 * limits::read_at_once;  // 1 MiB, less headers
constexpr std::size_t at_once = 50;                            // short streams that run together

void tell_bulk(benchmark::State& state) {
  state.counters["bytes"] = static_cast<double>(bulk_bytes);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bulk_bytes));
}

// ---- Floors ------------------------------------------------------------------------

// As large a write as a link's.
void bulk_bare_openssl(benchmark::State& state) {
  BareTls tls;
  const std::vector<std::uint8_t> bytes(limits::flush_bulk);
  std::vector<std::uint8_t> room(64 * limits::KiB);
  for ([[maybe_unused]] auto _ : state) {
    std::size_t got = 0;
    for (std::size_t left = bulk_bytes; left != 0;) {
      const Bytes piece = Bytes(bytes).first(std::min(left, bytes.size()));
      BareTls::write(tls.server(), piece);
      left -= piece.size();
      while (const std::size_t n = BareTls::read(tls.client(), room)) got += n;
    }
    if (got != bulk_bytes) state.SkipWithError("bytes that did not come");
  }
  tell_bulk(state);
}
BENCHMARK(bulk_bare_openssl);

// nghttp2 over it.
class BareLink {
 public:
  BareLink() : h2_([this](bool from_client, Bytes frames) { carry(from_client, frames); }) {}
  BareH2& h2() { return h2_; }

 private:
  void carry(bool from_client, Bytes frames) {
    BareTls::write(from_client ? tls_.client() : tls_.server(), frames);
    SSL* to = from_client ? tls_.server() : tls_.client();
    while (const std::size_t n = BareTls::read(to, room_)) h2_.receive(!from_client, Bytes(room_).first(n));
  }

  BareTls tls_;
  std::vector<std::uint8_t> room_ = std::vector<std::uint8_t>(64 * limits::KiB);
  BareH2 h2_;
};

void bulk_bare_nghttp2(benchmark::State& state) {
  BareLink link;
  for ([[maybe_unused]] auto _ : state) link.h2().stream(bulk_bytes);
  tell_bulk(state);
}
BENCHMARK(bulk_bare_nghttp2);

// One iteration is at_once streams, each opened and ended by both sides, without a byte.
void tell_streams(benchmark::State& state) {
  state.counters["streams"] = static_cast<double>(at_once);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * at_once));
}

void streams_bare_nghttp2(benchmark::State& state) {
  BareLink link;
  for ([[maybe_unused]] auto _ : state) link.h2().short_streams(at_once);
  tell_streams(state);
}
BENCHMARK(streams_bare_nghttp2);

// ---- Ours --------------------------------------------------------------------------

// Two links over two engines.
class TlsWire final : private Link::Output {
 public:
  TlsWire()
      : broker_(rt_.runtime, Link::Role::broker, {}, broker_end_),
        agent_(rt_.runtime, Link::Role::agent, {}, agent_end),
        // The agent dials, so it is TLS's client.
        engines_(rt_.runtime, [this](bool at_agent, Bytes bytes) { (at_agent ? agent_ : broker_).receive(bytes); }) {}

  Link& broker() { return broker_; }

  void pump() {
    bool moved = true;
    while (moved) {
      moved = carry(broker_, false);
      rt_.turn();
      moved |= carry(agent_, true);
      rt_.turn();
    }
  }

 private:
  bool carry(Link& from, bool from_agent) {
    bool moved = false;
    from_agent_ = from_agent;
    // As LinkDriver gathers.
    while (from.want_output() && from.take_output(room_, *this) != 0) {
      engines_.carry();
      moved = true;
    }
    return moved;
  }

  void on_link_bytes(Bytes bytes) override { engines_.write(from_agent_, bytes); }

  CoreRuntime rt_;
  QuietLinkEnd broker_end_;

 public:
  AcceptingEnd agent_end;

 private:
  Link broker_;
  Link agent_;
  EngineWire engines_;
  bool from_agent_ = false;  // whose output is taken
  std::vector<std::uint8_t> room_ = std::vector<std::uint8_t>(limits::flush_bulk);
};

struct PlainWire {
  Link& broker() { return wire.broker(); }
  void pump() { wire.pump(); }

  CoreRuntime rt;
  QuietLinkEnd broker_end;
  AcceptingEnd agent_end;
  LinkWire wire{rt, broker_end, agent_end};
};

template <typename Wire>
void bulk(benchmark::State& state) {
  Wire wire;
  // What an app's socket gives in one turn.
  const std::vector<std::uint8_t> piece(limits::read_at_once);
  const std::unique_ptr<Counter> near = open_counted(wire.broker());
  wire.pump();
  Counter& far = wire.agent_end.last();
  for ([[maybe_unused]] auto _ : state) {
    near->heard = 0;
    for (std::size_t sent = 0; sent < bulk_bytes; sent += piece.size()) {
      far.pipe->write(piece);
      wire.pump();
    }
    if (near->heard != bulk_bytes) state.SkipWithError("bytes that did not come");
  }
  tell_bulk(state);
}
BENCHMARK(bulk<TlsWire>)->Name("bulk_link_tls");
BENCHMARK(bulk<PlainWire>)->Name("bulk_link");

template <typename Wire>
void streams(benchmark::State& state) {
  Wire wire;
  wire.agent_end.ends_at_once = true;
  std::vector<std::unique_ptr<Counter>> near;
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t i = 0; i < at_once; ++i) {
      near.push_back(open_counted(wire.broker()));
      near.back()->pipe->end();
    }
    wire.pump();
    if (!near.back()->closed || !wire.agent_end.last().closed) state.SkipWithError("a stream that did not end");
    near.clear();
    wire.agent_end.forget();
  }
  tell_streams(state);
}
BENCHMARK(streams<TlsWire>)->Name("streams_link_tls");
BENCHMARK(streams<PlainWire>)->Name("streams_link");

}  // namespace
}  // namespace tenfold::bench
