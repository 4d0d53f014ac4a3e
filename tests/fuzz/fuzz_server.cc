// An HTTP/2 connection whose client says anything, with a site behind it. Input: one octet (bit 0: the client begins as
// a client should; the others: how its bytes are cut), then steps: an octet that says what happens, and what belongs to
// it.
//
// Held: no assertion of the house or of a sanitizer fails; the connection ends with its transport; and when it has
// ended, nothing is left of its streams.
#include <algorithm>
#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "../http2/site.h"
#include "../support/memory_pipe.h"
#include "../support/test_runtime.h"
#include "fuzz_support.h"
#include "http2/server_connection.h"

namespace {

using namespace tenfold;
using fuzz::require;

struct Client final : Duplex::Handler {
  explicit Client(Duplex& p) : pipe(p) { pipe.set_handler(this); }
  void on_data(Bytes bytes) override {
    if (reads) pipe.credit(bytes.size());
  }
  void on_end() override {}
  void on_sent(std::size_t) override {}
  void on_closed(const Error&) override {}

  Duplex& pipe;
  bool reads = true;
};

constexpr std::string_view start("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0", 24 + 9 + 9);

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  test::TestRuntime rt;
  test::Site site;
  test::MemoryPipe wire(rt.runtime);
  const std::unique_ptr<Duplex> end = wire.take_left();
  http2::ServerConnection connection(rt.runtime, site, wire.take_right(), {});
  connection.start();
  Client client(*end);
  const std::size_t chop = (data[0] >> 1) == 0 ? 1 << 20 : data[0] >> 1;
  const auto pump = [&] {
    for (bool moved = true; moved;) {
      const bool due = rt.timers.next() <= rt.timers.now();
      rt.timers.run(rt.timers.now(), &rt.graveyard);
      moved = wire.step(chop) || due;
    }
  };
  if ((data[0] & 1) != 0) end->write(to_bytes(start));

  Bytes rest(data + 1, size - 1);
  while (!rest.empty()) {
    const std::uint8_t step = rest[0];
    rest = rest.subspan(1);
    switch (step >> 4) {
      case 8: pump(); break;
      case 9: site.answer_late(); break;
      case 10:
        pump();
        rt.pass(std::chrono::seconds(1 << (step & 15)));
        break;
      case 11: site.let_late_pause((step & 1) != 0); break;
      case 12: client.reads = (step & 1) != 0; break;
      case 13: connection.drain(); break;
      case 14: end->end(); break;
      case 15: connection.end_now(); break;
      default: {  // 1 to 128 octets from the client
        const std::size_t n = std::min<std::size_t>(step + 1U, rest.size());
        end->write(rest.first(n));
        rest = rest.subspan(n);
      }
    }
  }
  pump();
  end->reset(ErrorKind::cancelled);
  site.let_late_pause(false);
  pump();
  site.answer_late();
  pump();
  require(site.closed && connection.streams() == 0, "a connection ends with its transport");
  site.forget();
  return 0;
}
