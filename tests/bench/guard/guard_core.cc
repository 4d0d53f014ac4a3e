// The core's paths, one at a time and as often as asked, for the guard: it counts their instructions (callgrind
// looks at measured_part alone) and what they ask of the heap.
//
//   guard_core CASE COUNT [sites]
//
// Prints one line of JSON; with `sites`, whoever allocated as well.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string_view>

#include "core_rig.h"
#include "heap_count.h"
#include "http1/body_framing.h"
#include "http1/head_reader.h"

// By its C name, so that callgrind's --toggle-collect finds it.
extern "C" [[gnu::noipa]] void measured_part(const std::function<void()>& work) {
  work();
  asm volatile("" ::: "memory");  // no tail call: this function has to return itself
}

namespace tenfold::bench {
namespace {

using Times = std::size_t;

// Runs `once` some times unmeasured, then `count` times measured, and tells.
void measure(Times count, Times warm_up, bool sites, const std::function<void()>& once) {
  for (Times i = 0; i < warm_up; ++i) once();
  const std::size_t before = HeapCount::in_use();
  HeapCount::start(sites);
  measured_part([&] {
    for (Times i = 0; i < count; ++i) once();
  });
  HeapCount::stop();
  const auto growth = static_cast<long long>(HeapCount::in_use()) - static_cast<long long>(before);
  std::printf("{\"compiler\": \"%s\", \"count\": %zu, \"allocations\": %llu, \"new\": %llu, \"heap_growth\": %lld}\n",
              __VERSION__, count, static_cast<unsigned long long>(HeapCount::calls()),
              static_cast<unsigned long long>(HeapCount::new_calls()), growth);
  if (sites) HeapCount::print_sites(stdout);
}

// A keep-alive visitor's request over a link that stands.
void requests(Times count, bool sites) {
  CoreRig rig;
  measure(count, 50, sites, [&] { rig.request(); });
}

// The same with a line in the access log for each.
void logged(Times count, bool sites) {
  CoreRig rig(true);
  measure(count, 50, sites, [&] { rig.request(); });
}

// A request's head and its answer's, parsed and framed.
void heads(Times count, bool sites) {
  constexpr std::string_view request =
      "GET /a/page?with=query HTTP/1.1\r\nHost: blue-fox.example.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux "
      "x86_64)\r\n"
      "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en\r\nAccept-Encoding: gzip, br\r\n"
      "Cookie: session=0123456789abcdef; theme=dark\r\nConnection: keep-alive\r\n\r\n";
  constexpr std::string_view answer =
      "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/html\r\n"
      "Content-Length: 1024\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nConnection: keep-alive\r\n\r\n";
  http1::HeadBuffers buffers;
  http1::HeadReader asked(http1::HeadReader::Kind::request, &buffers);
  http1::HeadReader answered(http1::HeadReader::Kind::response, &buffers);
  measure(count, 50, sites, [&] {
    asked.feed(to_bytes(request));
    must(asked.done() && !http1::request_framing(asked.request()).fault, "a request that is none");
    asked.clear();
    answered.feed(to_bytes(answer));
    must(answered.done() && !http1::response_framing(answered.response(), false).fault, "an answer that is none");
    answered.clear();
  });
}

// Streams without any HTTP; both sides count what comes.
struct Streams {
  std::unique_ptr<Counter> open() { return open_counted(wire.broker()); }

  CoreRuntime rt;
  QuietLinkEnd broker_end;
  AcceptingEnd agent_end;
  LinkWire wire{rt, broker_end, agent_end};
};

// A stream from its opening to its end: 200 bytes there, 1 KiB back.
void streams(Times count, bool sites) {
  Streams all;
  std::array<std::uint8_t, 1024> bytes{};
  measure(count, 50, sites, [&] {
    const std::unique_ptr<Counter> near = all.open();
    near->pipe->write(Bytes(bytes).first(200));
    near->pipe->end();
    all.wire.pump();
    all.agent_end.last().pipe->write(bytes);
    all.agent_end.last().pipe->end();
    all.wire.pump();
    must(near->heard == bytes.size() && near->closed && all.agent_end.last().closed, "a stream that did not end");
    all.agent_end.forget();
  });
}

// 64 KiB from the agent to the broker on a stream that stands.
void bulk(Times count, bool sites) {
  Streams all;
  const std::vector<std::uint8_t> bytes(64 * limits::KiB);
  const std::unique_ptr<Counter> near = all.open();
  all.wire.pump();
  Counter& far = all.agent_end.last();
  measure(count, 50, sites, [&] {
    const std::size_t before = near->heard;
    far.pipe->write(bytes);
    all.wire.pump();
    must(near->heard == before + bytes.size(), "bytes that did not come");
  });
}

// A visitor that goes away at once: the stream is opened, used and reset before its answer.
void cancelled(Times count, bool sites) {
  Streams all;
  std::array<std::uint8_t, 200> bytes{};
  measure(count, 1000, sites, [&] {
    const std::unique_ptr<Counter> near = all.open();
    near->pipe->write(bytes);
    all.wire.pump();
    must(all.agent_end.last().heard == bytes.size(), "a stream that did not come");
    near->pipe->reset(ErrorKind::cancelled);
    all.wire.pump();
    must(all.agent_end.last().closed, "a reset that did not come");
    all.agent_end.forget();
  });
  // The link still carries others.
  const std::unique_ptr<Counter> last = all.open();
  last->pipe->write(bytes);
  all.wire.pump();
  must(all.agent_end.last().heard == bytes.size(), "a link that no longer works");
  all.agent_end.forget();
}

struct Case {
  std::string_view name;
  void (*run)(Times count, bool sites);
};
constexpr std::array cases{Case{"requests", requests}, Case{"logged", logged}, Case{"heads", heads},
                           Case{"streams", streams},   Case{"bulk", bulk},     Case{"cancelled", cancelled}};

}  // namespace
}  // namespace tenfold::bench

int main(int count, char** arguments) {
  const std::string_view name = count > 2 ? arguments[1] : "";
  for (const auto& each : tenfold::bench::cases) {
    if (each.name != name) continue;
    each.run(static_cast<std::size_t>(std::atol(arguments[2])), count > 3);
    return 0;
  }
  std::fputs("usage: guard_core requests|logged|heads|streams|bulk|cancelled COUNT [sites]\n", stderr);
  return 2;
}
