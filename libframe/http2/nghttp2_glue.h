// Nghttp2Glue: one nghttp2 session, and the only user of that library. It handles framing, HPACK, stream states and
// window arithmetic; its owner gives requests, answers and bytes their meaning.
//
//   glue.receive(bytes);                 // nghttp2 runs; its reports are in events() afterwards
//   for (event : glue.events()) …        // in order; any call here is allowed
//   glue.clear_events();
//
//   glue.start_output(room);             // the memory for frames
//   glue.send();                         // writes control frames, then the DATA that the user provides
//   glue.resume(id); glue.send();        // asks the user for DATA of that stream
//   n = glue.output_size();
//
// nghttp2's callbacks only cast, record and translate: nothing is submitted and no stream ends while nghttp2 is on the
// stack (asserted). send() asks the user for DATA, and receive() passes fields to it; the user must not call the glue
// from there.
//
// The glue stores no head. Each field is passed to the user, which keeps what it needs; the value that the user returns
// for the whole head becomes the value of the event.
//
// Thread: the connection's. A failure of nghttp2 itself is out of memory or a bug of ours.
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
    later,     // ... and later ones: an answer after 1xx, or trailers
    data,      // `bytes`, a part of the argument of receive()
    ended,     // END_STREAM
    closed,    // nghttp2 has removed the stream; `value` is an H2Code
    window,    // a stream's window opened
    settings,  // the peer's SETTINGS: may change initial windows and MAX_CONCURRENT_STREAMS
    pong,      // the answer to the PING number `value`
    going,     // GOAWAY came; `value` is an H2Code
    sent,      // `value` bytes of a stream were sent in DATA frames
    end_sent,  // HEADERS with END_STREAM were sent
    fault,     // a stream was reset because the peer broke the protocol on it
    gone,      // our GOAWAY was sent; `value` is an H2Code, and nghttp2's reason is in goaway_reason()
  };
  Kind kind;
  std::int32_t id = 0;
  std::uint32_t value = 0;
  Bytes bytes;
};

// A field to send. Pseudo-header fields come first.
struct H2Field {
  // The parts that stay valid until the frame is sent, so that they need no copy.
  enum class Stays : std::uint8_t { nothing, name, all };

  std::string_view name;  // copied names are sent in lower case; one that is not copied must be in lower case
  std::string_view value;
  Stays stays = Stays::nothing;
  bool unindexed = false;  // changes each time: in HPACK's table it would only evict others
};

class Nghttp2Glue {
 public:
  enum class Side { client, server };

  struct Setup {
    Side side;
    std::uint32_t max_streams;  // that a client may open; announced by a server
    std::uint32_t stream_window;
    std::uint32_t connection_window;
    std::size_t header_list;    // the largest head (field_weight()) announced to the peer
    std::size_t acks_queued;    // unsent answers to PING and SETTINGS, for a peer that does not read; beyond: GOAWAY
    std::uint64_t reset_burst;  // RST_STREAM from the peer, at once...
    std::uint64_t reset_rate;   // ... and per second after that
    bool extended_connect = false;  // a server announces SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 3)
  };

  // The owner: it reads heads, and provides the bytes of DATA frames.
  class User {
   public:
    // A header block begins. `first`: it opens the stream, or is the first of an answer.
    virtual void on_head(std::int32_t id, bool first) = 0;
    // A decoded field that nghttp2 has checked (RFC 9113 8.2 and 8.3). False: refuses the rest of this head, and
    // receive() returns enhance_your_calm.
    virtual bool on_field(std::string_view name, std::string_view value) = 0;
    // The block is complete and valid, with END_STREAM if `ended`; the return value is the event's value. Not called
    // for an invalid block.
    virtual std::uint32_t on_head_end(std::int32_t id, bool first, bool ended) = 0;

    struct Chunk {
      bool ready = false;     // false: not now, until resume()
      bool last = false;      // END_STREAM with it...
      bool trailers = false;  // ... or submit_trailers() comes instead
      std::size_t size = 0;   // payload, which fits into room_left() with its frame header
    };
    // The size of the next frame of stream `id`, at most `most`.
    virtual Chunk next_chunk(std::int32_t id, std::size_t most) = 0;
    // The bytes of that chunk, after `header`: either copied into `frame`, and then the result is empty; or a view that
    // stays valid until the output that contains it was written.
    virtual Bytes take_chunk(std::int32_t id, Bytes header, MutableBytes frame, bool last) = 0;
    // The stream's HEADERS were sent: its DATA may follow.
    virtual void on_head_sent(std::int32_t id) = 0;

   protected:
    ~User() = default;
  };

  static constexpr std::size_t frame_header = 9;  // RFC 9113 4.1

  Nghttp2Glue(const Setup& setup, User& user);
  ~Nghttp2Glue();
  Nghttp2Glue(const Nghttp2Glue&) = delete;
  Nghttp2Glue& operator=(const Nghttp2Glue&) = delete;

  // ---- Input. Returns credit for it to the connection at once, whatever happens to the streams. Any
  // result but no_error: the connection is broken, and nghttp2 has not sent a GOAWAY for it.
  [[nodiscard]] H2Code receive(Bytes bytes);
  const std::vector<H2Event>& events() const { return events_; }
  void clear_events();
  // Frees memory that a burst since the last trim() needed.
  void trim();
  const std::string& goaway_reason() const { return goaway_reason_; }

  // ---- Output: frames in `room`, and payloads in the memory of the user.
  void start_output(MutableBytes room);
  void send();
  // In order; at most room.size() bytes.
  const std::vector<Bytes>& output() const { return output_; }
  // Whether something did not fit.
  bool room_full() const { return room_full_; }
  std::size_t room_left() const { return room_.size() - output_size_; }
  std::size_t output_size() const { return output_size_; }
  bool want_send() const;

  // ---- What to send. None of these is called from inside nghttp2.
  enum class Body : std::uint8_t { none, follows };  // none: END_STREAM with the head
  // The new stream's id, or 0 if nghttp2 has no id left.
  std::int32_t submit_request(std::span<const H2Field> fields, Body body);
  void submit_response(std::int32_t id, std::span<const H2Field> fields, Body body);
  // 1xx.
  void submit_interim(std::int32_t id, std::span<const H2Field> fields);
  // Call after the chunk that announced them was taken.
  void submit_trailers(std::int32_t id, std::span<const H2Field> fields);
  void submit_reset(std::int32_t id, H2Code code);
  void submit_ping(std::uint32_t number);
  // RFC 9113 6.8: the first of two GOAWAYs, with the highest possible id. New streams are still accepted.
  void submit_shutdown_notice();
  // Accepts no stream above the current ones.
  void submit_goaway();
  // Sends GOAWAY as the last frame; later input is ignored.
  void terminate(H2Code code);
  void resume(std::int32_t id);

  // ---- Windows.
  // A WINDOW_UPDATE for a stream, or (id 0) for the connection.
  void return_credit(std::int32_t id, std::int32_t n);
  void set_stream_window(std::int32_t id, std::uint32_t window);
  // For all streams, new and current (RFC 9113 6.9.2): each window changes by the difference when the peer
  // acknowledges.
  void set_initial_window(std::uint32_t window);
  // The connection's send window; may be negative.
  std::int32_t connection_window() const;
  // ... of one stream.
  std::int32_t stream_window(std::int32_t id) const;
  // Bytes that arrived, including padding, and whose credit was not yet returned.
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
  // Takes the next `size` bytes of the room as a part of the output.
  MutableBytes take_room(std::size_t size);

  nghttp2_session* session_ = nullptr;
  User& user_;
  bool inside_ = false;  // nghttp2 is on the stack

  std::vector<H2Event> events_;
  std::size_t most_events_ = 0;        // the maximum since the last trim()
  bool head_refused_ = false;          // on_field() returned false
  const std::int32_t credit_at_once_;  // the connection's credit is returned in steps of this size
  std::string goaway_reason_;

  MutableBytes room_;            // of the current take_output()
  std::size_t room_used_ = 0;    // of it
  std::vector<Bytes> output_;    // the runs to write...
  std::size_t output_size_ = 0;  // ... and their total size
  bool room_full_ = false;
  bool chunk_is_last_ = false;  // between next_chunk() and take_chunk()
};

// RFC 9113 6.5.2: "The value is based on the uncompressed size of field lines, including the length of the name and
// value in units of octets plus an overhead of 32 octets for each field line."
constexpr std::size_t field_weight(std::string_view name, std::string_view value) {
  return name.size() + value.size() + 32;
}

}  // namespace tenfold
