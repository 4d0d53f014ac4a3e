#include "http2/nghttp2_glue.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <new>
#include <utility>

#include "base/limits.h"
#include "http2/window_growth.h"

namespace tenfold {

static_assert(static_cast<int>(H2Code::http_1_1_required) == NGHTTP2_HTTP_1_1_REQUIRED);

namespace {

constexpr std::size_t most_kept_events = 64;  // capacity that an idle connection keeps

Nghttp2Glue& glue_of(void* user) { return *static_cast<Nghttp2Glue*>(user); }

std::string_view text_of(const std::uint8_t* at, std::size_t size) { return {reinterpret_cast<const char*>(at), size}; }

nghttp2_nv pair_of(const H2Field& field) {
  // nghttp2 only reads through these pointers.
  const auto octets = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  int flags = field.unindexed ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
  if (field.stays != H2Field::Stays::nothing) flags |= NGHTTP2_NV_FLAG_NO_COPY_NAME;
  if (field.stays == H2Field::Stays::all) flags |= NGHTTP2_NV_FLAG_NO_COPY_VALUE;
  return {octets(field.name), octets(field.value), field.name.size(), field.value.size(),
          static_cast<std::uint8_t>(flags)};
}

// A head in nghttp2's format.
class Pairs {
 public:
  explicit Pairs(std::span<const H2Field> fields) : size_(fields.size()) {
    if (size_ > few_.size()) many_.resize(size_);
    std::transform(fields.begin(), fields.end(), size_ > few_.size() ? many_.data() : few_.data(), pair_of);
  }
  const nghttp2_nv* data() const { return size_ > few_.size() ? many_.data() : few_.data(); }
  std::size_t size() const { return size_; }

 private:
  std::array<nghttp2_nv, 8> few_;
  std::vector<nghttp2_nv> many_;
  std::size_t size_;
};

// Errors that nghttp2 may return here concern a stream or session that has ended: ignored. Out of memory is fatal,
// since callbacks cannot fail.
void check(int result) {
  if (result == NGHTTP2_ERR_NOMEM) throw std::bad_alloc();
  assert(result != NGHTTP2_ERR_CALLBACK_FAILURE);
}

// Whether a reset of ours means that the peer broke the protocol, not that a stream is no longer wanted.
bool is_fault(std::uint32_t code) {
  return code != NGHTTP2_NO_ERROR && code != NGHTTP2_CANCEL && code != NGHTTP2_REFUSED_STREAM &&
         code != NGHTTP2_CONNECT_ERROR;
}

// Marks that nghttp2 is on the stack.
class Inside {
 public:
  explicit Inside(bool& flag) : flag_(flag) {
    assert(!flag);
    flag_ = true;
  }
  ~Inside() { flag_ = false; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  bool& flag_;
};

}  // namespace

// The callbacks for nghttp2.
struct Nghttp2Glue::Callbacks {
  using Kind = H2Event::Kind;

  static bool is_first(const nghttp2_frame* frame) {
    return frame->headers.cat == NGHTTP2_HCAT_REQUEST || frame->headers.cat == NGHTTP2_HCAT_RESPONSE;
  }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    glue_of(user).user_.on_head(frame->hd.stream_id, is_first(frame));
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size,
                       const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    Nghttp2Glue& glue = glue_of(user);
    if (glue.user_.on_field(text_of(name, name_size), text_of(value, value_size))) return 0;
    glue.head_refused_ = true;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // nghttp2 decodes the rest of the block silently
  }

  // RFC 9113 8.2.1: "A request or response that contains a field that violates any of these conditions MUST be treated
  // as malformed". Without this callback nghttp2 ignores such a field and accepts the rest.
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                               const std::uint8_t*, std::size_t, std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Nghttp2Glue& glue = glue_of(user);
    const std::int32_t id = frame->hd.stream_id;
    const bool flagged = (frame->hd.flags & 0x1) != 0;  // END_STREAM or ACK, depending on the type
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS: {
        const bool first = is_first(frame);
        glue.record(first ? Kind::head : Kind::later, id, glue.user_.on_head_end(id, first, flagged));
        if (flagged) glue.record(Kind::ended, id);
        break;
      }
      case NGHTTP2_DATA:
        if (flagged) glue.record(Kind::ended, id);
        break;
      case NGHTTP2_WINDOW_UPDATE:
        if (id != 0) glue.record(Kind::window, id);
        break;
      case NGHTTP2_SETTINGS:
        if (!flagged) glue.record(Kind::settings, 0);
        break;
      case NGHTTP2_PING:
        if (flagged) {
          const std::uint8_t* octets = frame->ping.opaque_data + 4;
          const std::uint32_t number = std::uint32_t{octets[0]} << 24 | std::uint32_t{octets[1]} << 16 |
                                       std::uint32_t{octets[2]} << 8 | octets[3];
          glue.record(Kind::pong, 0, number);
        }
        break;
      case NGHTTP2_GOAWAY: glue.record(Kind::going, 0, frame->goaway.error_code); break;
      default: break;
    }
    return 0;
  }

  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                     void* user) {
    glue_of(user).record(Kind::data, id, 0, {data, size});
    return 0;
  }

  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
    glue_of(user).record(Kind::closed, id, code);
    return 0;
  }

  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
    // An open beyond MAX_CONCURRENT_STREAMS; on_frame_sent() sees the other faults.
    if (error == NGHTTP2_ERR_REFUSED_STREAM) glue_of(user).record(Kind::fault, frame->hd.stream_id);
    return 0;
  }

  static ssize_t read_chunk(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t most, std::uint32_t* flags,
                            nghttp2_data_source*, void* user) {
    Nghttp2Glue& glue = glue_of(user);
    const User::Chunk chunk = glue.user_.next_chunk(id, most);
    if (!chunk.ready) return NGHTTP2_ERR_DEFERRED;
    assert(chunk.size <= most && frame_header + chunk.size <= glue.room_left());
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (chunk.last) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (chunk.trailers) *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    glue.chunk_is_last_ = chunk.last;
    return static_cast<ssize_t>(chunk.size);
  }

  // Called right after read_chunk(), which has checked that there is room.
  static int send_chunk(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* header, std::size_t size,
                        nghttp2_data_source*, void* user) {
    Nghttp2Glue& glue = glue_of(user);
    const std::int32_t id = frame->hd.stream_id;
    const MutableBytes room = glue.room_.subspan(glue.room_used_, frame_header + size);
    const Bytes elsewhere = glue.user_.take_chunk(id, {header, frame_header}, room, glue.chunk_is_last_);
    if (elsewhere.empty()) {
      glue.take_room(room.size());
    } else {
      glue.output_.push_back(elsewhere);
      glue.output_size_ += elsewhere.size();
    }
    if (size == 0) return 0;
    if (!glue.events_.empty() && glue.events_.back().kind == Kind::sent && glue.events_.back().id == id) {
      glue.events_.back().value += static_cast<std::uint32_t>(size);
    } else {
      glue.record(Kind::sent, id, static_cast<std::uint32_t>(size));
    }
    return 0;
  }

  static ssize_t send_frame(nghttp2_session*, const std::uint8_t* bytes, std::size_t size, int, void* user) {
    Nghttp2Glue& glue = glue_of(user);
    if (size > glue.room_left()) {
      assert(glue.output_size_ != 0);  // each of our frames but DATA is far smaller than a whole room
      glue.room_full_ = true;
      return NGHTTP2_ERR_WOULDBLOCK;
    }
    std::memcpy(glue.take_room(size).data(), bytes, size);
    return static_cast<ssize_t>(size);
  }

  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Nghttp2Glue& glue = glue_of(user);
    const std::int32_t id = frame->hd.stream_id;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
          glue.record(Kind::end_sent, id);
        } else {
          glue.user_.on_head_sent(id);
        }
        break;
      case NGHTTP2_RST_STREAM:
        if (is_fault(frame->rst_stream.error_code)) glue.record(Kind::fault, id);
        break;
      case NGHTTP2_GOAWAY:
        glue.goaway_reason_ = text_of(frame->goaway.opaque_data, frame->goaway.opaque_data_len);
        glue.record(Kind::gone, 0, frame->goaway.error_code);
        break;
      default: break;
    }
    return 0;
  }
};

Nghttp2Glue::Nghttp2Glue(const Setup& setup, User& user)
    : user_(user), credit_at_once_(static_cast<std::int32_t>(WindowGrowth::returned_at_once(setup.connection_window))) {
  nghttp2_session_callbacks* callbacks = nullptr;
  check(nghttp2_session_callbacks_new(&callbacks));
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, Callbacks::on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::on_stream_close);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, Callbacks::on_invalid_frame);
  nghttp2_session_callbacks_set_send_callback(callbacks, Callbacks::send_frame);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, Callbacks::send_chunk);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::on_frame_sent);

  nghttp2_option* option = nullptr;
  check(nghttp2_option_new(&option));
  nghttp2_option_set_no_auto_window_update(option, 1);
  // nghttp2 keeps closed streams for priorities only: 27 MB of them after 200,000 streams.
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_outbound_ack(option, setup.acks_queued);
  nghttp2_option_set_stream_reset_rate_limit(option, setup.reset_burst, setup.reset_rate);
  // An app's answer may have a head of limits::answer_head_bytes; HPACK makes it longer by at most some octets per
  // field.
  nghttp2_option_set_max_send_header_block_length(option, 2 * limits::answer_head_bytes);
  // RFC 7541 4.2 lets an encoder use less than the peer's SETTINGS_HEADER_TABLE_SIZE, which may be 4 GiB.
  nghttp2_option_set_max_deflate_dynamic_table_size(option, NGHTTP2_DEFAULT_HEADER_TABLE_SIZE);

  const bool client = setup.side == Side::client;
  const auto open = client ? nghttp2_session_client_new2 : nghttp2_session_server_new2;
  const int opened = open(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  check(opened);

  std::array<nghttp2_settings_entry, 4> settings;
  // A client does not send SETTINGS_NO_RFC7540_PRIORITIES: with it nghttp2 1.65 and later do not rotate streams.
  settings[0] = client ? nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}
                       : nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, setup.max_streams};
  settings[1] = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, setup.stream_window};
  settings[2] = {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(setup.header_list)};
  settings[3] = {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
  check(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), setup.extended_connect ? 4 : 3));
  check(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                              static_cast<std::int32_t>(setup.connection_window)));
}

Nghttp2Glue::~Nghttp2Glue() {
  assert(!inside_);
  nghttp2_session_del(session_);
}

H2Code Nghttp2Glue::receive(Bytes bytes) {
  ssize_t taken = 0;
  {
    const Inside inside(inside_);
    taken = nghttp2_session_mem_recv(session_, bytes.data(), bytes.size());
  }
  check(static_cast<int>(std::min<ssize_t>(taken, 0)));
  // Otherwise one reader that stops would stop all of them, and credit for bytes that arrive for reset streams would be
  // lost. All bytes count, including padding and those that nghttp2 ignores.
  if (connection_unreturned() >= credit_at_once_) return_credit(0, connection_unreturned());
  if (taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC) return H2Code::protocol_error;
  // nghttp2 otherwise fails on floods: PINGs and SETTINGS whose answers the peer does not read, or CONTINUATIONs.
  return taken < 0 || head_refused_ ? H2Code::enhance_your_calm : H2Code::no_error;
}

void Nghttp2Glue::clear_events() {
  most_events_ = std::max(most_events_, events_.size());
  events_.clear();
}

void Nghttp2Glue::trim() {
  if (std::exchange(most_events_, 0) > most_kept_events || !events_.empty()) return;
  if (events_.capacity() > most_kept_events) events_ = {};
}

void Nghttp2Glue::start_output(MutableBytes room) {
  room_ = room;
  room_used_ = 0;
  output_.clear();
  output_size_ = 0;
  room_full_ = false;
}

MutableBytes Nghttp2Glue::take_room(std::size_t size) {
  const MutableBytes taken = room_.subspan(room_used_, size);
  room_used_ += size;
  output_size_ += size;
  // Adjacent runs are merged.
  if (!output_.empty() && output_.back().data() + output_.back().size() == taken.data()) {
    output_.back() = {output_.back().data(), output_.back().size() + size};
  } else {
    output_.push_back(taken);
  }
  return taken;
}

void Nghttp2Glue::send() {
  const Inside inside(inside_);
  check(nghttp2_session_send(session_));
}

bool Nghttp2Glue::want_send() const { return nghttp2_session_want_write(session_) != 0; }

std::int32_t Nghttp2Glue::submit_request(std::span<const H2Field> fields, Body body) {
  assert(!inside_);
  const Pairs pairs(fields);
  const nghttp2_data_provider chunks{{.ptr = nullptr}, Callbacks::read_chunk};
  const std::int32_t id = nghttp2_submit_request(session_, nullptr, pairs.data(), pairs.size(),
                                                 body == Body::follows ? &chunks : nullptr, nullptr);
  check(id);
  return std::max(id, 0);
}

void Nghttp2Glue::submit_response(std::int32_t id, std::span<const H2Field> fields, Body body) {
  assert(!inside_);
  const Pairs pairs(fields);
  const nghttp2_data_provider chunks{{.ptr = nullptr}, Callbacks::read_chunk};
  check(nghttp2_submit_response(session_, id, pairs.data(), pairs.size(), body == Body::follows ? &chunks : nullptr));
}

void Nghttp2Glue::submit_interim(std::int32_t id, std::span<const H2Field> fields) {
  assert(!inside_);
  const Pairs pairs(fields);
  check(nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, pairs.data(), pairs.size(), nullptr));
}

void Nghttp2Glue::submit_trailers(std::int32_t id, std::span<const H2Field> fields) {
  assert(!inside_);
  const Pairs pairs(fields);
  check(nghttp2_submit_trailer(session_, id, pairs.data(), pairs.size()));
}

void Nghttp2Glue::submit_reset(std::int32_t id, H2Code code) {
  assert(!inside_);
  check(nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, static_cast<std::uint32_t>(code)));
}

void Nghttp2Glue::submit_ping(std::uint32_t number) {
  assert(!inside_);
  const std::array<std::uint8_t, 8> octets = {0,
                                              0,
                                              0,
                                              0,
                                              static_cast<std::uint8_t>(number >> 24),
                                              static_cast<std::uint8_t>(number >> 16),
                                              static_cast<std::uint8_t>(number >> 8),
                                              static_cast<std::uint8_t>(number)};
  check(nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, octets.data()));
}

void Nghttp2Glue::submit_shutdown_notice() {
  assert(!inside_);
  check(nghttp2_submit_shutdown_notice(session_));
}

void Nghttp2Glue::submit_goaway() {
  assert(!inside_);
  check(nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                              NGHTTP2_NO_ERROR, nullptr, 0));
}

void Nghttp2Glue::terminate(H2Code code) {
  assert(!inside_);
  check(nghttp2_session_terminate_session(session_, static_cast<std::uint32_t>(code)));
}

void Nghttp2Glue::resume(std::int32_t id) {
  assert(!inside_);
  check(nghttp2_session_resume_data(session_, id));
}

// Not nghttp2_session_consume(): it waits until half a window has gathered, and its count does not include the
// WINDOW_UPDATEs that we send.
void Nghttp2Glue::return_credit(std::int32_t id, std::int32_t n) {
  assert(!inside_);
  if (n > 0) check(nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, id, n));
}

void Nghttp2Glue::set_stream_window(std::int32_t id, std::uint32_t window) {
  assert(!inside_);
  check(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, id, static_cast<std::int32_t>(window)));
}

void Nghttp2Glue::set_initial_window(std::uint32_t window) {
  assert(!inside_);
  const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
  check(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &entry, 1));
}

std::int32_t Nghttp2Glue::connection_window() const { return nghttp2_session_get_remote_window_size(session_); }

std::int32_t Nghttp2Glue::stream_window(std::int32_t id) const {
  return nghttp2_session_get_stream_remote_window_size(session_, id);
}

std::int32_t Nghttp2Glue::stream_unreturned(std::int32_t id) const {
  return std::max(nghttp2_session_get_stream_effective_recv_data_length(session_, id), 0);
}

std::int32_t Nghttp2Glue::connection_unreturned() const {
  return nghttp2_session_get_effective_recv_data_length(session_);
}

bool Nghttp2Glue::has_stream(std::int32_t id) const { return nghttp2_session_find_stream(session_, id) != nullptr; }

std::uint32_t Nghttp2Glue::peer_max_streams() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

std::uint32_t Nghttp2Glue::next_stream_id() const { return nghttp2_session_get_next_stream_id(session_); }

}  // namespace tenfold
