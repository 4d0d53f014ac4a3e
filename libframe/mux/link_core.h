// Link::Core: what a Link is inside. It stands between nghttp2's session (nghttp2_glue) and the streams: turns what
// nghttp2 told into the streams' and the owner's events, says who sends next (turn_list), watches the peer
// (frame_guard, keepalive) and ends the link.
//
//      running --drain()--> draining --last stream ends--> closing --next turn--> closed
//         \____________close(), a fault, a silent peer____/   end_of_input() goes to closed at once
//
// `closing`: nothing more is taken from the peer, and what still goes out is the control messages before close(), and
// GOAWAY. The owner and the streams hear of it in the turn after, as `closed`.
//
// link_core.cc has its life and its input, link_output.cc its output, link_control.cc the control stream. One for each
// Link, on its thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/flood_bucket.h"
#include "base/limits.h"
#include "base/runtime.h"
#include "duplex.h"
#include "http2/frame_guard.h"
#include "http2/nghttp2_glue.h"
#include "http2/stream_table.h"
#include "http2/turn_list.h"
#include "mux/control_framing.h"
#include "mux/keepalive.h"
#include "mux/link.h"
#include "mux/link_stream.h"
#include "mux/stream_head.h"

namespace tenfold {

class Link::Core final : private Nghttp2Glue::User, private Duplex::Handler {
 public:
  Core(Runtime& runtime, Role role, const LinkOptions& options, Link::Handler& handler);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // ---- For Link.
  void receive(Bytes bytes);
  void end_of_input(const Error& why);
  std::size_t take_output(MutableBytes room, Output& output);
  bool want_output() const { return wants_output_; }
  Result<std::unique_ptr<LinkStream>> open_stream(const StreamTarget& target);
  bool can_open() const { return takes_streams() && streams() < most_streams(); }
  bool takes_streams() const;
  std::size_t most_streams() const;
  void send(const control::ControlMessage& message);
  void drain();
  void close();
  void squeeze(bool on);
  bool closed() const { return state_ == State::closed; }
  LinkStats stats() const;
  Duration rtt() const { return keepalive_.rtt(); }

  // ---- For the streams.
  Role role() const { return role_; }
  // `n` bytes, or an end, were added to its output.
  void on_written(LinkStream& stream, std::size_t n);
  void on_credit(LinkStream& stream, std::size_t n);
  void accept(LinkStream& stream);
  void refuse(LinkStream& stream, ErrorKind cause);
  // Lets go of the stream, with RST_STREAM.
  void cut(LinkStream& stream, H2Code code);
  bool worth_keeping(const LinkStream& stream) const;

 private:
  enum class State : std::uint8_t { running, draining, closing, closed };
  bool ended() const { return state_ >= State::closing; }
  // The control stream left out.
  std::size_t streams() const { return streams_.size() - (control_ != nullptr && control_->core_ != nullptr ? 1 : 0); }
  // Tells the owner that there is output, if it does not know.
  void wake();

  // ---- Input.
  void dispatch();
  void handle(const H2Event& event);
  void on_head(std::int32_t id, bool first) override;
  bool on_field(std::string_view name, std::string_view value) override;
  std::uint32_t on_head_end(std::int32_t id, bool first, bool ended) override;
  void on_opened(std::int32_t id, const Opens::Open& open);
  void on_answered(LinkStream& stream, const Answered& answer);
  void on_stream_over(LinkStream& stream, H2Code code);
  void on_going(H2Code code);
  void on_stream_fault();
  void return_credit(const LinkStream& stream);
  std::size_t room_to_hold() const;
  void settle_pressure();
  void note_heard(std::int32_t id);
  // Whether more than one stream was heard just now.
  bool company() const { return runtime_.now() - company_at_ < limits::company_time; }

  // ---- The control stream's events.
  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t) override {}
  void on_closed(const Error& why) override;
  void adopt_control(std::unique_ptr<LinkStream> stream);
  // False when it ended the link.
  bool on_control_message(const control::ControlMessage& message);

  // ---- Output.
  // The GOAWAY that is due, and what it stands for.
  enum class Farewell : std::uint8_t { none, drain, close };
  bool has_output() const;
  void fill();
  void say_farewell();
  void end_turn(LinkStream& stream);
  void make_ready(LinkStream& stream);
  Chunk next_chunk(std::int32_t id, std::size_t most) override;
  Bytes take_chunk(std::int32_t id, Bytes header, MutableBytes frame, bool last) override;
  void on_head_sent(std::int32_t id) override;

  // ---- Life.
  std::unique_ptr<LinkStream> new_stream(std::int32_t id, const StreamTarget& target);
  // From here on the stream is on its own.
  void let_go(LinkStream& stream);
  // A place may have come free that open_stream() had not.
  void note_room();
  void on_room();
  void on_tick();
  // The peer did wrong: GOAWAY with that code.
  void fail(Error why, H2Code code);
  void stop(Error why);
  // The last events.
  void finish();

  Runtime& runtime_;
  const Role role_;
  const LinkOptions options_;
  Link::Handler& handler_;
  const std::size_t reserved_;  // bytes that may come to be held though the link is pressed, but for grown windows
  Nghttp2Glue glue_;
  StreamHead head_;  // of the header block that is being read
  Opens opens_;      // of events that are still to be handled
  FrameGuard guard_;
  Keepalive keepalive_;
  std::uint32_t pings_ = 0;  // sent so far: the number in the last one

  StreamTable<LinkStream> streams_;  // all that run, the control stream included
  std::unique_ptr<LinkStream> control_;
  ControlReader control_reader_;
  FloodBucket control_bucket_{limits::control_burst, limits::control_rate};
  std::uint32_t answers_due_ = 0;  // Registers that were sent: what answers them is not taken from the bucket
  bool greeted_ = false;           // the peer's Hello or Welcome came
  std::string early_control_;      // messages from before the broker opened the control stream

  TurnList turns_;        // streams with something to send, and window for it as far as is known
  bool asked_ = false;    // nghttp2 asked for DATA of the front since it was called up
  bool no_room_ = false;  // the front's next frame does not fit into what is left of the output's room
  ByteQueue handed_;      // frames that are part of the present output, in the blocks of the streams they are of

  State state_ = State::running;
  Error why_;                           // what on_link_closed() will say
  std::size_t next_event_ = 0;          // to be handed out
  bool dispatching_ = false;            // events are being handed out
  bool wants_output_ = true;            // as the owner knows; kept by wake() and take_output()
  Farewell farewell_ = Farewell::none;  // due behind the control messages that were sent before drain() or close()
  bool peer_going_ = false;             // its GOAWAY came
  bool room_wanted_ = false;            // open_stream() had no place since the last on_link_room()
  std::uint64_t opened_ = 0;            // streams, ever
  std::uint64_t window_waits_ = 0;      // streams that left the rotation for want of window, ever
  std::size_t queued_ = 0;              // bytes in the streams' output, the control stream's left out
  std::size_t uncredited_ = 0;          // bytes that streams' holders have not credited
  bool squeezed_ = false;               // the owner wants it so: ...
  bool pressed_ = false;                // ... or too many of them: streams have small windows...
  TimePoint pressed_since_{};           // ... since then
  std::uint32_t known_window_ = 0;      // the largest that a stream's window grew to
  std::int32_t heard_last_ = 0;         // whose bytes came last; 0: nobody's
  TimePoint company_at_{};              // when it was another stream's turn
  std::size_t grown_ = 0;               // by how much streams' windows are above where they started, all together

  MemberTimer<Core, &Core::on_tick> tick_{*this};
  MemberTimer<Core, &Core::finish> finish_{*this};
  MemberTimer<Core, &Core::on_room> room_{*this};
};

}  // namespace tenfold
