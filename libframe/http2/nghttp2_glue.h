// Nghttp2Glue: one nghttp2 session, and the only door to that library. It holds the framing, HPACK,
// the states of streams and the windows' arithmetic; what a link means by them is Link::Core's.
//
//   glue.receive(bytes);                 // nghttp2 runs; what it tells is in events() afterwards
//   for (event : glue.events()) …        // in order; any call here is allowed
//   glue.clear_events();
//
//   glue.start_output(room);             // where frames are laid
//   glue.send();                         // what is ready: control frames, then the DATA that the source grants
//   glue.resume(id); glue.send();        // ask the source for DATA of that stream
//   n = glue.output_size();
//
// nghttp2's callbacks only cast, record and translate: nothing is submitted and no stream ends while nghttp2 is on the
// stack (asserted). The source is asked from inside send() and must not call the glue.
//
// Thread: the link's. A failure of nghttp2 itself is an out of memory or a fault of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "http2/h2_code.h"
#include "http2/stream_head.h"

struct nghttp2_session;

namespace tenfold {

// One thing that nghttp2 told while it ran.
struct MuxEvent {
  enum class Kind : std::uint8_t {
    opened,    // the peer opened a stream; `value` is its place in Nghttp2Glue::opens()
    answered,  // HEADERS came on a stream of ours; `value` is the status (0: trailers), `cause` what a refusal means
    data,      // `bytes`, which lie in what was given to receive()
    ended,     // END_STREAM
    closed,    // nghttp2 has forgotten the stream; `value` is an H2Code
    window,    // a stream's window opened
    settings,  // the peer's SETTINGS: initial windows and MAX_CONCURRENT_STREAMS may differ now
    pong,      // the answer to the PING number `value`
    going,     // GOAWAY came; `value` is an H2Code
    sent,      // `value` bytes of a stream left in DATA frames
    refusal_sent,  // the answer that ends a stream at once has left
    fault,         // a stream was reset because the peer broke the rules on it
    gone,          // our GOAWAY left; `value` is an H2Code, and nghttp2's reason is in goaway_reason()
  };
  Kind kind;
  ErrorKind cause = ErrorKind::none;
  std::int32_t id = 0;
  std::uint32_t value = 0;
  Bytes bytes;
};

class Nghttp2Glue {
 public:
  enum class Side { client, server };

  struct Setup {
    Side side;
    std::uint32_t max_streams;  // that a client may open; a server announces it
    std::uint32_t stream_window;
    std::uint32_t link_window;
  };

  // Who has the bytes of DATA frames.
  class Source {
   public:
    struct Chunk {
      bool ready = false;    // false: not now, until resume()
      bool last = false;     // END_STREAM with it
      std::size_t size = 0;  // payload, which fits into room_left() with its frame header
    };
    // How much goes into the next frame of stream `id`, at most `most`.
    virtual Chunk next_chunk(std::int32_t id, std::size_t most) = 0;
    // That chunk, with `header` in front: either put into `frame`, and then the result is empty; or where it stands
    // until the output that it is of was given away.
    virtual Bytes take_chunk(std::int32_t id, Bytes header, MutableBytes frame, bool last) = 0;
    // The stream's HEADERS left: its DATA may follow.
    virtual void on_head_sent(std::int32_t id) = 0;

   protected:
    ~Source() = default;
  };

  static constexpr std::size_t frame_header = 9;  // RFC 9113 4.1

  Nghttp2Glue(const Setup& setup, Source& source);
  ~Nghttp2Glue();
  Nghttp2Glue(const Nghttp2Glue&) = delete;
  Nghttp2Glue& operator=(const Nghttp2Glue&) = delete;

  // ---- Input. Returns credit for it to the connection at once, whatever becomes of the streams. Anything but
  // no_error: the peer left no connection to go on with, and nghttp2 has not said so in a GOAWAY itself.
  [[nodiscard]] H2Code receive(Bytes bytes);
  const std::vector<MuxEvent>& events() const { return events_; }
  struct Open {
    std::string name;
    std::string peer;
    bool good = false;  // otherwise it is no CONNECT that tenfold/1 knows
  };
  Open& open_at(std::uint32_t place) { return opens_[place]; }
  void clear_events();
  // Gives back what a burst before the last trim() made the scratch grow to.
  void trim();
  const std::string& goaway_reason() const { return goaway_reason_; }

  // ---- Output: frames in `room`, and those that stand where their source has them.
  void start_output(MutableBytes room);
  void send();
  // In their order; room.size() bytes at most.
  const std::vector<Bytes>& output() const { return output_; }
  // Whether something did not fit any more.
  bool room_full() const { return room_full_; }
  std::size_t room_left() const { return room_.size() - output_size_; }
  std::size_t output_size() const { return output_size_; }
  bool want_send() const;

  // ---- What to send. None of these is called from inside nghttp2.
  // The new stream's id, or 0 when nghttp2 has none to give.
  std::int32_t submit_open(std::string_view name, std::string_view peer);
  void submit_accept(std::int32_t id);
  void submit_refusal(std::int32_t id, ErrorKind cause);
  void submit_reset(std::int32_t id, H2Code code);
  void submit_ping(std::uint32_t number);
  // No stream above those that run is taken any more.
  void submit_goaway();
  // GOAWAY as the last frame of all; whatever still comes is ignored.
  void terminate(H2Code code);
  void resume(std::int32_t id);

  // ---- Windows.
  // A WINDOW_UPDATE for a stream, or (id 0) for the connection.
  void return_credit(std::int32_t id, std::int32_t n);
  void set_stream_window(std::int32_t id, std::uint32_t window);
  // Of all streams, new ones and those that run (RFC 9113 6.9.2): each has as much more or less from the peer's ACK on.
  void set_initial_window(std::uint32_t window);
  // What may still be sent on the whole connection; negative values are possible.
  std::int32_t connection_window() const;
  // ... on one stream.
  std::int32_t stream_window(std::int32_t id) const;
  // Bytes that arrived, padding included, and whose credit is not on its way back yet.
  std::int32_t connection_unreturned() const;
  std::int32_t stream_unreturned(std::int32_t id) const;

  // ---- Questions.
  bool has_stream(std::int32_t id) const;
  std::uint32_t peer_max_streams() const;
  std::uint32_t next_stream_id() const;

 private:
  struct Callbacks;
  void record(MuxEvent::Kind kind, std::int32_t id, std::uint32_t value = 0, Bytes bytes = {},
              ErrorKind cause = ErrorKind::none) {
    events_.push_back({kind, cause, id, value, bytes});
  }
  // The next `size` bytes of the room, as a part of the output.
  MutableBytes take_room(std::size_t size);

  nghttp2_session* session_ = nullptr;
  Source& source_;
  const Side side_;
  bool inside_ = false;  // nghttp2 is on the stack

  std::vector<MuxEvent> events_;
  std::size_t most_events_ = 0;  // at once, since the last trim()
  std::vector<Open> opens_;      // of `opened` events; kept for their strings' capacity
  std::size_t opens_used_ = 0;
  StreamHead head_;                    // of the header block that is being read
  bool head_too_heavy_ = false;        // it weighs more than limits::link_header_list
  const std::int32_t credit_at_once_;  // of the connection, returned when so much has come
  std::string goaway_reason_;

  MutableBytes room_;            // of the present take_output()
  std::size_t room_used_ = 0;    // of it
  std::vector<Bytes> output_;    // what there is to give away...
  std::size_t output_size_ = 0;  // ... and its bytes
  bool room_full_ = false;
  bool chunk_is_last_ = false;  // of the chunk between next_chunk() and take_chunk()
};

}  // namespace tenfold
