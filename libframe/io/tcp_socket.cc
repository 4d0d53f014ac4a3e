#include "io/tcp_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <string_view>
#include <utility>

#include "io/socket_address.h"
#include "io/tcp_core.h"

namespace tenfold {

TcpSocket::Core::Core(Loop& loop) : loop_(loop), queue_(loop.runtime().blocks) {
  uv_tcp_init(loop.uv(), &tcp_);
  tcp_.data = this;
  write_.data = this;
  paused_.pause(Pause::no_handler);
}

void TcpSocket::Core::open(Address peer) {
  assert(state_ == State::connecting);
  peer_ = std::move(peer);
  state_ = State::open;
  if (!peer_.host.starts_with("127.") && peer_.host != "::1") return;
  // Loopback traffic meets no queue and no loss, so congestion control only costs. BBR, if it is the system's default,
  // paces by timers: a fifth of a bulk transfer's cpu. Failure to set it is ignored.
  constexpr std::string_view simplest = "reno";
  ::setsockopt(fd(), IPPROTO_TCP, TCP_CONGESTION, simplest.data(), simplest.size());
}

void TcpSocket::Core::release() {
  reset(ErrorKind::cancelled);
  held_ = false;
  if (!handle_open_) delete this;
}

void TcpSocket::Core::set_handler(Handler* handler) {
  if (state_ != State::open) return;
  handler_ = handler;
  if (handler == nullptr) {
    pause(Pause::no_handler);
  } else {
    resume(Pause::no_handler);
    // Reports what could not be reported without a handler.
    if (untold_ != 0 || out_ == Out::broken || (in_ == In::ended && out_ == Out::ended)) loop_.defer(*this);
  }
}

// ---- Reading -----------------------------------------------------------------

// libuv keeps polling until bytes come, and stops then: a pause in which nothing comes, as when a pipe changes its
// handler, costs no epoll_ctl(2).
void TcpSocket::Core::pause(Pause reason) { paused_.pause(reason); }

void TcpSocket::Core::resume(Pause reason) {
  if (!paused_.resume(reason) || in_ != In::flowing || std::exchange(reading_, true)) return;
  uv_read_start(stream(), on_alloc, on_read);
}

// An empty buffer makes libuv call on_read() with UV_ENOBUFS and read nothing. Otherwise libuv reads up to 32 times in
// a row while reads fill the buffer, 2 MiB of a download, and other sockets wait. So each socket gets one whole read
// per turn.
void TcpSocket::Core::on_alloc(uv_handle_t* handle, std::size_t, uv_buf_t* room) {
  Core& core = of(handle);
  *room = uv_buf_init(nullptr, 0);
  if (core.paused_.paused() || std::exchange(core.had_share_, false)) return;
  const MutableBytes all = core.loop_.read_room();
  room->base = reinterpret_cast<char*>(all.data());
  room->len = std::min(all.size(), core.window_ - core.uncredited_);
}

void TcpSocket::Core::on_read(uv_stream_t* stream, ssize_t n, const uv_buf_t* room) {
  if (n == 0) return;  // nothing to read
  Core& core = of(stream);
  // An end that arrives with the last bytes is reported without a buffer: it will be seen again when reading resumes.
  if (core.paused_.paused()) {
    core.reading_ = false;
    uv_read_stop(stream);
    return;
  }
  if (n == UV_ENOBUFS) return;
  const Loop::Callback callback(core.loop_);
  core.had_share_ = n > 0 && static_cast<std::size_t>(n) == room->len;
  if (n > 0) {
    core.take({reinterpret_cast<const std::uint8_t*>(room->base), static_cast<std::size_t>(n)});
  } else if (core.out_ == Out::broken) {
    core.close(core.error_of(core.write_error_));
  } else if (const int cut = n == UV_EOF ? core.pending_error() : static_cast<int>(n); cut != 0) {
    core.close(core.error_of(cut));
  } else {
    core.in_ = In::ended;
    core.handler_->on_end();
    core.settle();
  }
}

// libuv reports a hang-up that arrives with the last bytes as an end, even for an RST. A cut must not look like an end,
// so the kernel is asked.
int TcpSocket::Core::pending_error() const {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &length);
  return -error;
}

void TcpSocket::Core::take(Bytes bytes) {
  uncredited_ += bytes.size();
  handler_->on_data(bytes);
  if (state_ == State::open && uncredited_ >= window_) pause(Pause::window);
}

void TcpSocket::Core::credit(std::size_t n) {
  if (state_ == State::closed) return;
  assert(n <= uncredited_);
  uncredited_ -= n;
  if (uncredited_ <= window_ / 8) resume(Pause::window);
}

void TcpSocket::Core::set_window(std::size_t bytes) {
  assert(bytes != 0);
  if (state_ == State::closed) return;
  window_ = bytes;
  if (uncredited_ < window_) {
    resume(Pause::window);
  } else {
    pause(Pause::window);
  }
}

// ---- Writing -----------------------------------------------------------------

std::size_t TcpSocket::Core::write(Bytes bytes) {
  if (state_ != State::open || out_ != Out::flowing || bytes.empty()) return bytes.size();
  std::size_t gone = 0;
  if (queue_.empty() && bytes.size() >= large_write) {
    const uv_buf_t run = uv_buf_init(const_cast<char*>(to_text(bytes).data()), static_cast<unsigned>(bytes.size()));
    gone = try_write(&run, 1);
    if (gone == bytes.size() || out_ == Out::broken) return bytes.size();
    queue_.append(bytes.subspan(gone));
    flush();
    return gone;
  }
  queue_.append(bytes);
  if (in_flight_ != 0) return 0;
  if (queue_.size() >= full_queue) push();
  loop_.defer(*this);
  return 0;
}

void TcpSocket::Core::on_turn_end() {
  if (state_ != State::open) return;
  if (in_flight_ == 0 && out_ != Out::broken) push();
  if (handler_ != nullptr && untold_ != 0) handler_->on_sent(std::exchange(untold_, 0));
  settle();
}

// Returns how many bytes the kernel took.
std::size_t TcpSocket::Core::try_write(const uv_buf_t* buffers, std::size_t count) {
  const int n = uv_try_write(stream(), buffers, static_cast<unsigned>(count));
  if (n < 0 && n != UV_EAGAIN) break_off(n);
  return static_cast<std::size_t>(std::max(n, 0));
}

// Writes what the kernel takes of the queue, and passes the rest to libuv; no event.
void TcpSocket::Core::push() {
  while (!queue_.empty()) {
    Bytes runs[most_runs];
    uv_buf_t buffers[most_runs];
    const std::size_t count = queue_.runs(runs, most_runs);
    std::size_t offered = 0;
    for (std::size_t i = 0; i < count; ++i) {
      buffers[i] = uv_buf_init(const_cast<char*>(to_text(runs[i]).data()), static_cast<unsigned>(runs[i].size()));
      offered += runs[i].size();
    }
    const std::size_t gone = try_write(buffers, count);
    if (out_ == Out::broken) return;
    queue_.consume(gone);
    untold_ += gone;
    if (gone < offered) return flush();
  }
  if (out_ == Out::ending) send_fin();
}

// Passes the front of the queue to libuv, which writes it when the kernel has room.
void TcpSocket::Core::flush() {
  Bytes runs[most_runs_waiting];
  uv_buf_t buffers[most_runs_waiting];
  const std::size_t count = queue_.runs(runs, most_runs_waiting);
  for (std::size_t i = 0; i < count; ++i) {
    buffers[i] = uv_buf_init(const_cast<char*>(to_text(runs[i]).data()), static_cast<unsigned>(runs[i].size()));
    in_flight_ += runs[i].size();
  }
  const int failed = uv_write(&write_, stream(), buffers, static_cast<unsigned>(count), on_written);
  if (failed == 0) return;
  in_flight_ = 0;
  break_off(failed);
}

void TcpSocket::Core::on_written(uv_write_t* request, int status) {
  Core& core = *static_cast<Core*>(request->data);
  if (core.state_ == State::closed) {
    core.in_flight_ = 0;
    core.queue_.clear();
    return;
  }
  const Loop::Callback callback(core.loop_);
  if (status < 0) {
    core.in_flight_ = 0;
    core.break_off(status);
  } else {
    core.flushed();
  }
}

void TcpSocket::Core::flushed() {
  const std::size_t n = std::exchange(in_flight_, 0);
  queue_.consume(n);
  untold_ += n;
  on_turn_end();
}

void TcpSocket::Core::end() {
  if (state_ != State::open || out_ != Out::flowing) return;
  out_ = Out::ending;
  // Now, not at the end of the turn: the owner may release the socket before that.
  if (in_flight_ == 0) push();
  if (untold_ != 0 || in_ == In::ended) loop_.defer(*this);
}

void TcpSocket::Core::send_fin() {
  out_ = Out::ended;
  // Not uv_shutdown(): it waits for a turn of the loop, so the FIN is lost if the socket is destroyed right after
  // end(). The reading side reports a failure.
  ::shutdown(fd(), SHUT_WR);
}

// A write failed. A peer that answers early and resets (a 413, say) may have left its answer in our receive buffer:
// while that is read, the read side reports the end, after the last byte.
void TcpSocket::Core::break_off(int uv_error) {
  out_ = Out::broken;
  write_error_ = uv_error;
  queue_.clear();
  const bool reading_will_tell = uv_error == UV_EPIPE || uv_error == UV_ECONNRESET;
  if (!reading_will_tell || in_ == In::ended) loop_.defer(*this);
}

// ---- The end -----------------------------------------------------------------

// Sends the last event if it is due.
void TcpSocket::Core::settle() {
  if (state_ != State::open || handler_ == nullptr) return;
  if (out_ == Out::broken) {
    // Also while paused: the holder of the pause resumes the socket, and gets the end after the last byte.
    const bool still_read = in_ == In::flowing && (write_error_ == UV_EPIPE || write_error_ == UV_ECONNRESET);
    if (!still_read) close(error_of(write_error_));
  } else if (in_ == In::ended && out_ == Out::ended) {
    close({});
  }
}

void TcpSocket::Core::close(const Error& why) {
  Handler* handler = std::exchange(handler_, nullptr);
  close_handle(false);
  handler->on_closed(why);
}

void TcpSocket::Core::reset(ErrorKind why) {
  if (state_ == State::closed) return;
  handler_ = nullptr;
  // A FIN in place of an RST would make a cut look like a clean end. After our FIN the kernel still sends its queue; an
  // unneeded idle connection is simply closed.
  const bool idle = why == ErrorKind::cancelled && queue_.empty() && uncredited_ == 0;
  const bool fin_sent = out_ == Out::ended;
  // Bytes that a unix socket took are already in its peer's queue, and stay there.
  const bool orderly = state_ == State::open && !peer_.is_unix() && queue_.empty() && (fin_sent || !idle);
  const bool parts = orderly && loop_.parting_sockets().take(fd(), fin_sent);
  close_handle(state_ == State::open && !fin_sent && !idle && !parts);
}

void TcpSocket::Core::close_handle(bool abort) {
  state_ = State::closed;
  if (in_flight_ == 0) queue_.clear();
  if (abort) {
    const linger at_once{1, 0};
    ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&tcp_), on_handle_closed);
}

void TcpSocket::Core::on_handle_closed(uv_handle_t* handle) {
  Core& core = of(handle);
  core.handle_open_ = false;
  if (!core.held_) delete &core;
}

Error TcpSocket::Core::error_of(int uv_error) const {
  ErrorKind kind = ErrorKind::io;
  if (uv_error == UV_ECONNRESET || uv_error == UV_EPIPE) kind = ErrorKind::closed;
  if (uv_error == UV_ETIMEDOUT) kind = ErrorKind::timeout;
  return {kind,
          to_string(peer_) + ": " + (uv_error == UV_EPIPE ? "connection closed by the peer" : uv_strerror(uv_error))};
}

// ---- The rest -----------------------------------------------------------------

int TcpSocket::Core::fd() const {
  uv_os_fd_t fd = -1;
  uv_fileno(reinterpret_cast<const uv_handle_t*>(&tcp_), &fd);
  return fd;
}

void TcpSocket::Core::set_option(int name, int value) {
  if (state_ == State::open && !peer_.is_unix()) ::setsockopt(fd(), IPPROTO_TCP, name, &value, sizeof value);
}

void TcpSocket::Core::set_keepalive(Duration quiet) {
  if (state_ != State::open || peer_.is_unix()) return;
  uv_tcp_keepalive(&tcp_, 1, static_cast<unsigned>(std::chrono::duration_cast<std::chrono::seconds>(quiet).count()));
}

Address TcpSocket::Core::local() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  return address_of(address);
}

TcpSocket::TcpSocket(Core* core) : core_(core) {}
TcpSocket::~TcpSocket() { core_->release(); }

void TcpSocket::set_handler(Handler* handler) { core_->set_handler(handler); }
std::size_t TcpSocket::write(Bytes bytes) { return core_->write(bytes); }
std::size_t TcpSocket::queued() const { return core_->queued(); }
void TcpSocket::end() { core_->end(); }
void TcpSocket::reset(ErrorKind why) { core_->reset(why); }
void TcpSocket::credit(std::size_t n) { core_->credit(n); }
void TcpSocket::set_window(std::size_t bytes) { core_->set_window(bytes); }

const Address& TcpSocket::peer() const { return core_->peer(); }
Address TcpSocket::local() const { return core_->local(); }

void TcpSocket::set_notsent_lowat(int bytes) { core_->set_option(TCP_NOTSENT_LOWAT, bytes); }

void TcpSocket::set_user_timeout(Duration timeout) {
  core_->set_option(TCP_USER_TIMEOUT,
                    static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count()));
}

void TcpSocket::set_keepalive(Duration quiet) { core_->set_keepalive(quiet); }

}  // namespace tenfold
