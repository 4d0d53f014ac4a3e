// ServerConnection::Core: the implementation of ServerConnection, between nghttp2's session (nghttp2_glue) and the
// streams. It turns nghttp2's reports into the streams' events, decides which stream sends next (turn_list), counts the
// peer's costs (frame_guard) and ends the connection.
//
//      open --drain()--> draining --the last stream ends--> closing --pipe closed, or linger over--> closed
//        \______ end_now(), a fault, keep_alive _______________/        the pipe's end leads to closed at once
//
// `closing`: input is ignored; GOAWAY is sent, then FIN. on_connection_closed() follows `closed` when no stream is
// left.
//
// server_core.cc has the lifetime and the input, server_output.cc the output. One for each ServerConnection, on its
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/limits.h"
#include "base/runtime.h"
#include "duplex.h"
#include "http2/frame_guard.h"
#include "http2/nghttp2_glue.h"
#include "http2/server_connection.h"
#include "http2/stream_table.h"
#include "http2/turn_list.h"

namespace tenfold::http2 {

class Stream;

class ServerConnection::Core final : private Nghttp2Glue::User, private Duplex::Handler {
 public:
  Core(ServerConnection& connection, Runtime& runtime, Owner& owner, std::unique_ptr<Duplex> pipe,
       const ServerOptions& options);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // ---- For ServerConnection.
  void start(Bytes early);
  void drain();
  void end_now();
  std::size_t streams() const { return streams_.size(); }

  // ---- For the streams.
  const ServerOptions& options() const { return options_; }
  void submit_interim(Stream& stream, const http::ResponseHead& head);
  void submit_answer(Stream& stream, const http::ResponseHead& head, http::BodySize size);
  // The stream has `n` more bytes, or an end, in its output.
  void on_written(Stream& stream);
  void on_credit(Stream& stream, std::size_t n);
  // RST_STREAM; the stream is over.
  void cut(Stream& stream, H2Code code);
  // Called after its done_ or over_ was set.
  void settle(Stream& stream);

 private:
  enum class State : std::uint8_t { open, draining, closing, closed };
  bool ended() const { return state_ >= State::closing; }

  // ---- Input.
  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t n) override;
  void on_closed(const Error& why) override;
  void on_head(std::int32_t id, bool first) override;
  bool on_field(std::string_view name, std::string_view value) override;
  std::uint32_t on_head_end(std::int32_t id, bool first, bool ended) override;
  void dispatch();
  void handle(const H2Event& event);
  void handle_stream(Stream& stream, const H2Event& event);
  void announce(Stream& stream);
  void return_credit(const Stream& stream);

  // ---- Output.
  void wake();
  void flush();
  void fill();
  void make_ready(Stream& stream);
  Chunk next_chunk(std::int32_t id, std::size_t most) override;
  Bytes take_chunk(std::int32_t id, Bytes header, MutableBytes frame, bool last) override;
  void on_head_sent(std::int32_t id) override;
  // Submits what could not be submitted while nghttp2 was on the stack.
  void settle_output_ends();

  // ---- Life.
  std::unique_ptr<Stream> take_spare();
  // Measures the round trip for window growth and for a drain.
  void ping();
  void settle_idle();
  void on_idle();
  void on_drain_time();
  // The peer broke the protocol: sends GOAWAY with that code.
  void fail(ErrorKind kind, const char* reason, H2Code code);
  void close(H2Code code, const http::Gone& gone);
  template <typename Which>
  void cut_where(const http::Gone& gone, Which which);
  void cut_all(const http::Gone& gone);
  void settle_close();
  void on_linger_over();
  void finish_later();
  void finish();

  ServerConnection& connection_;
  Runtime& runtime_;
  Owner& owner_;
  const ServerOptions options_;
  std::unique_ptr<Duplex> pipe_;
  Nghttp2Glue glue_;
  FrameGuard guard_;

  StreamTable<Stream> streams_;                  // all that are not both over and done; owned
  std::vector<std::unique_ptr<Stream>> spares_;  // for the next requests
  Stream* reading_ = nullptr;                    // the stream of the current header block
  bool reading_first_ = false;                   // ... and whether it is the request's, not its trailers

  TurnList turns_;                         // streams with output and, as far as known, a window for it
  bool asked_ = false;                     // nghttp2 asked for DATA of the front since resume()
  bool no_room_ = false;                   // the front's next frame does not fit into the rest of the room
  std::vector<std::int32_t> output_ends_;  // streams whose last DATA was just sent

  State state_ = State::open;
  bool started_ = false;         // the client's preface and SETTINGS came
  bool client_ended_ = false;    // its FIN was received
  bool said_end_ = false;        // our FIN was sent
  bool busy_ = false;            // in receive, flush or dispatch: output is sent at its end
  bool wanted_ = false;          // output was added
  bool dispatching_ = false;     // events are being dispatched
  std::size_t next_event_ = 0;   // the index of the next event to dispatch
  bool notice_out_ = false;      // the first GOAWAY of a drain was sent, the second is pending
  std::uint32_t pings_ = 0;      // sent so far: the number in the last one
  TimePoint pinged_at_ = never;  // ... when; never: it was answered
  Duration rtt_{};               // of the last PING; zero before the first answer
  std::size_t grown_ = 0;        // the total growth of streams' windows above their start
  TimePoint linger_until_{};     // for a close that still sends

  MemberTimer<Core, &Core::flush> flush_{*this};
  MemberTimer<Core, &Core::on_idle> idle_{*this};         // keep_alive, head, half_close
  MemberTimer<Core, &Core::on_drain_time> drain_{*this};  // for the answer to that PING
  MemberTimer<Core, &Core::on_linger_over> linger_{*this};
  MemberTimer<Core, &Core::finish> finish_{*this};
};

}  // namespace tenfold::http2
