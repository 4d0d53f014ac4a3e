// TcpSocket::Core: the half of a TcpSocket that libuv uses. It has two holders, the wrapper and the uv handle, and is
// destroyed when both have released it: the wrapper in its destructor, the handle in its close callback. Private to
// io/.
//
//              connection up            FIN heard, FIN sent, or a failure, or reset()
//   connecting --------------> open ---------------------------------------------> closed
//
// While it is open, each direction has its own state:
//
//   in:   flowing -> ended                          (FIN heard)
//   out:  flowing -> ending -> ended                (end() called -> FIN sent behind the queue)
//             \---------\----> broken               (a write failed; what the peer still sent is read first)
#pragma once

#include <uv.h>

#include <cstdint>

#include "base/address.h"
#include "base/byte_queue.h"
#include "base/limits.h"
#include "base/pause_set.h"
#include "io/loop.h"
#include "io/tcp_socket.h"

namespace tenfold {

class TcpSocket::Core final : private Deferred {
 public:
  explicit Core(Loop& loop);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // The maker connects or accepts on this handle. libuv only requires a TCP handle to be a stream socket, so a unix
  // socket is opened on it, too.
  uv_tcp_t* tcp() { return &tcp_; }
  static Core& of(const void* handle) { return *static_cast<Core*>(static_cast<const uv_handle_t*>(handle)->data); }

  // The connection is established; over TCP with TCP_NODELAY set.
  void open(Address peer);
  // The wrapper or the maker releases it. An open connection is reset.
  void release();

  void set_handler(Handler* handler);
  std::size_t write(Bytes bytes);
  std::size_t queued() const { return queue_.size() + untold_; }
  void end();
  void reset(ErrorKind why);
  void credit(std::size_t n);
  void set_window(std::size_t bytes);

  const Address& peer() const { return peer_; }
  Address local() const;
  void set_option(int name, int value);
  void set_keepalive(Duration quiet);

 private:
  enum class State : std::uint8_t { connecting, open, closed };
  enum class In : std::uint8_t { flowing, ended };
  enum class Out : std::uint8_t { flowing, ending, ended, broken };
  enum class Pause : std::uint8_t { no_handler, window };

  // Runs of the queue in one write; libuv writes fewer after the kernel was full: as many as it takes without
  // allocating.
  static constexpr std::size_t most_runs = 16;
  static constexpr std::size_t most_runs_waiting = 4;
  // Written bytes go to the kernel at the end of the turn, in one call: an answer's head and body, or the frames of one
  // read. A write of this size on an empty queue goes at once, without a copy...
  static constexpr std::size_t large_write = 32 * limits::KiB;
  // ... and a queue of this size does not wait for the end of the turn.
  static constexpr std::size_t full_queue = 64 * limits::KiB;

  ~Core() = default;

  static void on_alloc(uv_handle_t* handle, std::size_t, uv_buf_t* room);
  static void on_read(uv_stream_t* stream, ssize_t n, const uv_buf_t* room);
  static void on_written(uv_write_t* request, int status);
  static void on_handle_closed(uv_handle_t* handle);
  void on_turn_end() override;

  void pause(Pause reason);
  void resume(Pause reason);
  void take(Bytes bytes);
  std::size_t try_write(const uv_buf_t* buffers, std::size_t count);
  void push();
  void flush();
  void flushed();
  void send_fin();
  void break_off(int uv_error);
  void settle();
  void close(const Error& why);
  void close_handle(bool abort);
  int pending_error() const;
  Error error_of(int uv_error) const;
  int fd() const;
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp_); }

  Loop& loop_;
  Handler* handler_ = nullptr;
  ByteQueue queue_;                             // written, not yet taken by the kernel
  std::size_t untold_ = 0;                      // sent, not yet reported by on_sent()
  std::size_t in_flight_ = 0;                   // the front of queue_ that belongs to write_ until its callback
  std::size_t uncredited_ = 0;                  // delivered to a handler
  std::size_t window_ = limits::buffered_high;  // reading stops at this many uncredited bytes...
  int write_error_ = 0;                         // libuv's error, when out_ is broken
  PauseSet<Pause> paused_;
  State state_ = State::connecting;
  In in_ = In::flowing;
  Out out_ = Out::flowing;
  bool reading_ = false;     // libuv reads, or would if it were not paused
  bool had_share_ = false;   // it had a whole read in this turn
  bool held_ = true;         // by a wrapper or a maker
  bool handle_open_ = true;  // until libuv's close callback
  Address peer_;
  uv_tcp_t tcp_;
  uv_write_t write_;
};

}  // namespace tenfold
