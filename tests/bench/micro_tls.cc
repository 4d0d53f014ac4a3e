// The TLS engine, from plaintext to plaintext, next to OpenSSL alone; and what a record and a handshake cost.
#include <benchmark/benchmark.h>

#include <optional>
#include <vector>

#include "bare_tls.h"
#include "engine_wire.h"

namespace tenfold::bench {
namespace {

void counted(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes));
}

void tls_bare(benchmark::State& state) {
  BareTls tls;
  const std::vector<std::uint8_t> bytes(static_cast<std::size_t>(state.range(0)));
  std::vector<std::uint8_t> room(64 * limits::KiB);
  for ([[maybe_unused]] auto _ : state) {
    BareTls::write(tls.client(), bytes);
    std::size_t got = 0;
    while (const std::size_t n = BareTls::read(tls.server(), room)) got += n;
    if (got != bytes.size()) state.SkipWithError("bytes that did not come");
  }
  counted(state, bytes.size());
}
BENCHMARK(tls_bare)->Arg(64)->Arg(1024)->Arg(16'384)->Arg(131'072);

void tls_engine(benchmark::State& state) {
  CoreRuntime rt;
  std::size_t got = 0;
  EngineWire wire(rt.runtime, [&got](bool, Bytes plaintext) { got += plaintext.size(); });
  const std::vector<std::uint8_t> bytes(static_cast<std::size_t>(state.range(0)));
  for ([[maybe_unused]] auto _ : state) {
    got = 0;
    wire.write(true, bytes);
    wire.carry();
    if (got != bytes.size()) state.SkipWithError("bytes that did not come");
  }
  counted(state, bytes.size());
}
BENCHMARK(tls_engine)->Arg(64)->Arg(1024)->Arg(16'384)->Arg(131'072);

}  // namespace
}  // namespace tenfold::bench
