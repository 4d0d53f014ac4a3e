// Heads of HTTP/1.1: reading one, writing it anew; next to copying as many bytes.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "http1/body_framing.h"
#include "http1/head_reader.h"
#include "http1/head_writer.h"

namespace tenfold::bench {
namespace {

constexpr std::string_view request =
    "GET /a/page?with=query HTTP/1.1\r\nHost: blue-fox.example.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
    "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en\r\nAccept-Encoding: gzip, br\r\n"
    "Cookie: session=0123456789abcdef; theme=dark\r\nConnection: keep-alive\r\n\r\n";

void head_memcpy(benchmark::State& state) {
  std::vector<char> room(request.size());
  for ([[maybe_unused]] auto _ : state) {
    std::memcpy(room.data(), request.data(), request.size());
    benchmark::DoNotOptimize(room.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * request.size()));
}
BENCHMARK(head_memcpy);

void head_read(benchmark::State& state) {
  http1::HeadBuffers buffers;
  http1::HeadReader reader(http1::HeadReader::Kind::request, &buffers);
  for ([[maybe_unused]] auto _ : state) {
    reader.feed(to_bytes(request));
    if (!reader.done()) state.SkipWithError("a request that is none");
    benchmark::DoNotOptimize(http1::request_framing(reader.request()));
    reader.clear();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * request.size()));
}
BENCHMARK(head_read);

void head_read_bytewise(benchmark::State& state) {
  http1::HeadBuffers buffers;
  http1::HeadReader reader(http1::HeadReader::Kind::request, &buffers);
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t i = 0; i < request.size(); ++i) reader.feed(to_bytes(request.substr(i, 1)));
    if (!reader.done()) state.SkipWithError("a request that is none");
    reader.clear();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * request.size()));
}
BENCHMARK(head_read_bytewise);

void head_write(benchmark::State& state) {
  http1::HeadBuffers buffers;
  http1::HeadReader reader(http1::HeadReader::Kind::request, &buffers);
  reader.feed(to_bytes(request));
  const http::RequestHead& head = reader.request();
  std::string out;
  for ([[maybe_unused]] auto _ : state) {
    out.clear();
    http1::HeadWriter writer(out);
    writer.request_line(head.method, head.target);
    for (const http::Field& field : head.fields) writer.field(field.name, field.value);
    writer.end();
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * request.size()));
}
BENCHMARK(head_write);

}  // namespace
}  // namespace tenfold::bench
