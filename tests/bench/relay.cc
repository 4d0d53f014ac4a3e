// A path of its own: what comes in on one side leaves on the other DELAY milliseconds later, no faster than RATE
// bytes a second, each way. What lies on the path at once is what a path of that length and rate holds, and a queue of
// 20 ms before it; beyond that it reads no more. So a sender's window shows, and its buffers do not.
//
//   bench_relay TARGET_IP PORT DELAY_MS RATE_BYTES
//
// Prints "port N", listens on 127.0.0.1:N; runs until it is stopped.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/byte_queue.h"
#include "io/dial.h"
#include "io/line_output.h"
#include "io/log_sink.h"
#include "io/loop.h"
#include "io/tcp_listener.h"

namespace tenfold::bench {
namespace {

struct Path {
  Address target;
  Duration delay{};   // one way
  double rate = 1e9;  // bytes a second, each way
};

constexpr Duration queue_time = 20ms;
constexpr Duration dial_within = 10s;

Duration time_for(std::size_t bytes, double rate) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(static_cast<double>(bytes) / rate));
}

class Connection;

// One way of a connection: from one pipe to the other.
class Way final : public Duplex::Handler, private Timer {
 public:
  Way(Runtime& runtime, const Path& path, Connection& connection)
      : runtime_(runtime), path_(path), connection_(connection), bytes_(runtime.blocks) {}

  void join(TcpSocket& from, Way& back) {
    from_ = &from;
    back_ = &back;
    const double most = std::chrono::duration<double>(path_.delay + queue_time).count() * path_.rate;
    most_ = static_cast<std::size_t>(most);
    from.set_window(most_);
    from.set_handler(this);
  }

 private:
  struct Load {
    TimePoint due;
    std::size_t size;  // 0: the end
  };

  void on_data(Bytes bytes) override {
    bytes_.append(bytes);
    carry(bytes.size());
  }
  void on_end() override { carry(0); }
  // The other way's bytes.
  void on_sent(std::size_t n) override { back_->credit(n); }
  void on_closed(const Error&) override;

  // A socket reads on only when most of its window is free. A path never runs dry like that: setting the window anew
  // makes it read as soon as there is room.
  void credit(std::size_t n) {
    from_->credit(n);
    from_->set_window(most_);
  }

  void carry(std::size_t size) {
    free_at_ = std::max(free_at_, runtime_.now()) + time_for(size, path_.rate);
    loads_.push_back({free_at_ + path_.delay, size});
    if (loads_.size() == 1) runtime_.timers.arm(*this, loads_.front().due);
  }

  void on_timer() override {
    while (!loads_.empty() && loads_.front().due <= runtime_.now()) {
      deliver(loads_.front().size);
      loads_.pop_front();
    }
    if (!loads_.empty()) runtime_.timers.arm(*this, loads_.front().due);
  }

  void deliver(std::size_t size) {
    if (size == 0) return back_->from_->end();
    std::size_t gone = 0;
    while (size != 0) {
      const Bytes run = bytes_.front().first(std::min(bytes_.front().size(), size));
      gone += back_->from_->write(run);
      size -= run.size();
      bytes_.consume(run.size());
    }
    credit(gone);
  }

  Runtime& runtime_;
  const Path& path_;
  Connection& connection_;
  TcpSocket* from_ = nullptr;
  Way* back_ = nullptr;
  std::size_t most_ = 0;  // bytes on the path and in its queue
  ByteQueue bytes_;
  std::deque<Load> loads_;
  TimePoint free_at_{};  // when the path's entrance has taken all that came
};

using Connections = std::unordered_map<Connection*, std::unique_ptr<Connection>>;

class Connection {
 public:
  Connection(Loop& loop, const Path& path, std::unique_ptr<TcpSocket> near, Connections& all)
      : loop_(loop),
        all_(all),
        near_(std::move(near)),
        out_(loop.runtime(), path, *this),
        in_(loop.runtime(), path, *this),
        dial_(loop, path.target, dial_within, [this](Result<std::unique_ptr<TcpSocket>> far) {
          if (!far) return close();
          far_ = *std::move(far);
          out_.join(*near_, in_);
          in_.join(*far_, out_);
        }) {}

  void close() {
    auto own = all_.extract(this);
    if (!own.empty()) loop_.runtime().graveyard.bury(std::move(own.mapped()));
  }

 private:
  Loop& loop_;
  Connections& all_;
  std::unique_ptr<TcpSocket> near_;
  std::unique_ptr<TcpSocket> far_;
  Way out_;
  Way in_;
  Dial dial_;
};

void Way::on_closed(const Error&) { connection_.close(); }

int run(char** arguments) {
  Path path;
  path.target = {arguments[1], static_cast<std::uint16_t>(std::atoi(arguments[2]))};
  path.delay = std::chrono::microseconds(static_cast<long>(std::atof(arguments[3]) * 1000));
  path.rate = std::atof(arguments[4]);

  LineOutput lines(STDERR_FILENO, dropped_log_line(LogFormat::text, STDERR_FILENO));
  const std::unique_ptr<Log> log = make_log_sink(lines, LogFormat::text, LogLevel::warn);
  Loop loop(*log);
  Connections connections;
  const auto listener = TcpListener::open(loop, {"127.0.0.1", 0}, [&](std::unique_ptr<TcpSocket> socket) {
    auto connection = std::make_unique<Connection>(loop, path, std::move(socket), connections);
    Connection* key = connection.get();
    connections.emplace(key, std::move(connection));
  });
  if (!listener) {
    std::fprintf(stderr, "relay: %s\n", describe(listener.error()).c_str());
    return 1;
  }
  std::printf("port %u\n", static_cast<unsigned>((*listener)->port()));
  std::fflush(stdout);
  loop.run();
  return 0;
}

}  // namespace
}  // namespace tenfold::bench

int main(int count, char** arguments) {
  if (count != 5) {
    std::fputs("usage: bench_relay TARGET_IP PORT DELAY_MS RATE_BYTES\n", stderr);
    return 2;
  }
  return tenfold::bench::run(arguments);
}
