// Nghttp2Glue: one nghttp2 session, and the only door to that library. It holds the framing, HPACK,
// the states of streams and the windows' arithmetic; what requests, answers and bytes mean is its owner's.
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
// stack (asserted). The user is asked for DATA from inside send(), and told fields from inside receive(); it must not
// call the glue then.
//
// A head is not stored here. Its fields go one by one to the user, who keeps what it needs; what it returns for the
// whole head is the value of the event.
//
// Thread: the connection's. A failure of nghttp2 itself is an out of memory or a fault of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "http2/h2_code.h"

struct nghttp2_session;

namespace tenfold {

// One thing that nghttp2 reported while it ran.
struct H2Event {
  enum class Kind : std::uint8_t {
    head,      // the first HEADERS of a stream: a request, or an answer; `value` is what on_head_end() returned
    later,     // ... and those behind: an answer behind 1xx, or trailers
    data,      // `bytes`, which lie in what was given to receive()
    ended,     // END_STREAM
    closed,    // nghttp2 has forgotten the stream; `value` is an H2Code
    window,    // a stream's window opened
    settings,  // the peer's SETTINGS: initial windows and MAX_CONCURRENT_STREAMS may differ now
    pong,      // the answer to the PING number `value`
    going,     // GOAWAY came; `value` is an H2Code
    sent,      // `value` bytes of a stream left in DATA frames
    end_sent,  // HEADERS with END_STREAM have left
    fault,     // a stream was reset because the peer broke the rules on it
    gone,      // our GOAWAY left; `value` is an H2Code, and nghttp2's reason is in goaway_reason()
  };
  Kind kind;
  std::int32_t id = 0;
  std::uint32_t value = 0;
  Bytes bytes;
};

// A field to send. Pseudo-header fields stand in front.
struct H2Field {
  // What stays where it is until the frame has left, and so is not copied.
  enum class Stays : std::uint8_t { nothing, name, all };

  std::string_view name;  // sent in lower case when it is copied, so written in lower case when it is not
  std::string_view value;
  Stays stays = Stays::nothing;
  bool unindexed = false;  // another one each time: in HPACK's table it would only drive out others
};

class Nghttp2Glue {
 public:
  enum class Side { client, server };

  struct Setup {
    Side side;
    std::uint32_t max_streams;  // that a client may open; a server announces it
    std::uint32_t stream_window;
    std::uint32_t connection_window;
    std::size_t header_list;        // what a head may weigh (field_weight()), as the peer is told
    std::size_t acks_queued;        // answers to PING and SETTINGS, for a peer that does not read; beyond: GOAWAY
    std::uint64_t reset_burst;      // RST_STREAM from the peer, in one go...
    std::uint64_t reset_rate;       // ... and a second after that
    bool extended_connect = false;  // a server announces SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 3)
  };

  // The owner: it reads heads, and has the bytes of DATA frames.
  class User {
   public:
    // A header block begins. `first`: it opens the stream, or is the first of an answer.
    virtual void on_head(std::int32_t id, bool first) = 0;
    // One of its fields, as HPACK gave it; nghttp2 has checked it (RFC 9113 8.2 and 8.3). False: no more of this head,
    // and receive() returns enhance_your_calm.
    virtual bool on_field(std::string_view name, std::string_view value) = 0;
    // The block is whole and in order, with END_STREAM if `ended`; what is returned is the event's value. Not called
    // otherwise.
    virtual std::uint32_t on_head_end(std::int32_t id, bool first, bool ended) = 0;

    struct Chunk {
      bool ready = false;     // false: not now, until resume()
      bool last = false;      // END_STREAM with it...
      bool trailers = false;  // ... or submit_trailers() comes instead
      std::size_t size = 0;   // payload, which fits into room_left() with its frame header
    };
    // How much goes into the next frame of stream `id`, at most `most`.
    virtual Chunk next_chunk(std::int32_t id, std::size_t most) = 0;
    // That chunk, with `header` in front: either put into `frame`, and then the result is empty; or where it stands
    // until the output that it is of was given away.
    virtual Bytes take_chunk(std::int32_t id, Bytes header, MutableBytes frame, bool last) = 0;
    // The stream's HEADERS left: its DATA may follow.
    virtual void on_head_sent(std::int32_t id) = 0;

   protected:
    ~User() = default;
  };

  static constexpr std::size_t frame_header = 9;  // RFC 9113 4.1

  Nghttp2Glue(const Setup& setup, User& user);
  ~Nghttp2Glue();
  Nghttp2Glue(const Nghttp2Glue&) = delete;
  Nghttp2Glue& operator=(const Nghttp2Glue&) = delete;

  // ---- Input. Returns credit for it to the connection at once, whatever becomes of the streams. Anything but
  // no_error: the peer left no connection to go on with, and nghttp2 has not said so in a GOAWAY itself.
  [[nodiscard]] H2Code receive(Bytes bytes);
  const std::vector<H2Event>& events() const { return events_; }
  void clear_events();
  // Gives back what a burst before the last trim() made the scratch grow to.
  void trim();
  const std::string& goaway_reason() const { return goaway_reason_; }

  // ---- Output: frames in `room`, and those that stand where the user has them.
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
  enum class Body : std::uint8_t { none, follows };  // none: END_STREAM with the head
  // The new stream's id, or 0 when nghttp2 has none to give.
  std::int32_t submit_request(std::span<const H2Field> fields, Body body);
  void submit_response(std::int32_t id, std::span<const H2Field> fields, Body body);
  // 1xx.
  void submit_interim(std::int32_t id, std::span<const H2Field> fields);
  // Once the chunk that announced them was taken.
  void submit_trailers(std::int32_t id, std::span<const H2Field> fields);
  void submit_reset(std::int32_t id, H2Code code);
  void submit_ping(std::uint32_t number);
  // RFC 9113 6.8: the first GOAWAY of two, which names the last id that there can be. New streams are still taken.
  void submit_shutdown_notice();
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
  void record(H2Event::Kind kind, std::int32_t id, std::uint32_t value = 0, Bytes bytes = {}) {
    events_.push_back({kind, id, value, bytes});
  }
  // The next `size` bytes of the room, as a part of the output.
  MutableBytes take_room(std::size_t size);

  nghttp2_session* session_ = nullptr;
  User& user_;
  bool inside_ = false;  // nghttp2 is on the stack

  std::vector<H2Event> events_;
  std::size_t most_events_ = 0;        // at once, since the last trim()
  bool head_refused_ = false;          // on_field() said false
  const std::int32_t credit_at_once_;  // of the connection, returned when so much has come
  std::string goaway_reason_;

  MutableBytes room_;            // of the present take_output()
  std::size_t room_used_ = 0;    // of it
  std::vector<Bytes> output_;    // what there is to give away...
  std::size_t output_size_ = 0;  // ... and its bytes
  bool room_full_ = false;
  bool chunk_is_last_ = false;  // of the chunk between next_chunk() and take_chunk()
};

// RFC 9113 6.5.2: "The value is based on the uncompressed size of field lines, including the length of the name and
// value in units of octets plus an overhead of 32 octets for each field line."
constexpr std::size_t field_weight(std::string_view name, std::string_view value) {
  return name.size() + value.size() + 32;
}

}  // namespace tenfold
