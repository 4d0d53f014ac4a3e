// The half of Link::Core that sends. Control frames go first, as nghttp2 has them; then the control stream; then the
// streams in turn. nghttp2 asks for DATA of any stream that was not put off before, and gets some only for the one at
// the front of turns_: the others are put off until resume() calls them up.
#include <algorithm>
#include <cassert>
#include <utility>

#include "base/limits.h"
#include "mux/link_core.h"

namespace tenfold {

namespace {

// What is left of a room is filled with a part of a stream's bytes only when the part is worth a frame.
constexpr std::size_t least_part = 1 * limits::KiB;
// Less is copied into the room with its neighbours, so that they are one write.
constexpr std::size_t least_uncopied = 8 * limits::KiB;

}  // namespace

std::size_t Link::Core::take_output(MutableBytes room, Output& output) {
  assert(room.size() >= limits::flush_small);
  wants_output_ = true;  // so that nobody is told what is taken here and now
  std::size_t size = 0;
  bool told = true;
  // Whoever gets nothing does not ask again, so what was told just now gets its turn if it made something to send.
  while (size == 0 && told) {
    glue_.start_output(room);
    fill();
    size = glue_.output_size();
    for (const Bytes piece : glue_.output()) output.on_link_bytes(piece);
    handed_.clear();
    // Whoever hears that its bytes left may write more, or cut streams: that is for the next room.
    told = !dispatching_ && !glue_.events().empty();
    dispatch();
  }
  wants_output_ = size != 0 && has_output();
  return size;
}

bool Link::Core::has_output() const {
  return farewell_ != Farewell::none || (!turns_.empty() && glue_.connection_window() > 0) || glue_.want_send();
}

void Link::Core::fill() {
  no_room_ = false;
  glue_.send();
  while (!glue_.room_full() && !no_room_ && !turns_.empty() && glue_.connection_window() > 0) {
    auto& stream = static_cast<LinkStream&>(*turns_.front());
    if (farewell_ != Farewell::none && &stream != control_.get()) {
      say_farewell();
      continue;
    }
    asked_ = false;
    glue_.resume(stream.id_);
    glue_.send();
    if (asked_ || glue_.room_full()) continue;
    // nghttp2 has no window for it. What opens one makes it ready again.
    stream.blocked_ = true;
    ++window_waits_;
    TurnList::remove(stream);
  }
  if (!glue_.room_full() && !no_room_) say_farewell();
}

// GOAWAY goes behind what the control stream has to say, or nobody would read that any more; what it has no window for
// is lost.
void Link::Core::say_farewell() {
  switch (std::exchange(farewell_, Farewell::none)) {
    case Farewell::none: return;
    case Farewell::drain: glue_.submit_goaway(); break;
    // RFC 9113 6.8: "An endpoint SHOULD always send a GOAWAY frame before closing a connection".
    case Farewell::close: glue_.terminate(H2Code::no_error); break;
  }
  glue_.send();
}

void Link::Core::make_ready(LinkStream& stream) {
  if (!TurnList::idle(stream) || !stream.head_sent_ || stream.blocked_ || !stream.has_output()) return;
  if (&stream == control_.get()) return turns_.push_front(stream);
  if (!ended()) turns_.push_back(stream);
}

void Link::Core::end_turn(LinkStream& stream) {
  // The control stream goes before all others, so its next turn follows at once.
  if (&stream == control_.get()) {
    stream.begun = false;
  } else {
    turns_.rotate(stream);
  }
}

Nghttp2Glue::User::Chunk Link::Core::next_chunk(std::int32_t id, std::size_t most) {
  if (turns_.empty()) return {};
  auto& stream = static_cast<LinkStream&>(*turns_.front());
  if (stream.id_ != id) return {};
  assert(stream.has_output());
  asked_ = true;
  TurnList::begin(stream, limits::stream_quantum);
  const std::size_t queued = stream.out_.size();
  // Frames end where blocks do, so that the next one starts where a block does.
  const std::size_t whole = std::min({stream.out_.front().size(), most, limits::data_payload});
  if (whole > stream.deficit) {
    end_turn(stream);
    if (turns_.front() != &stream) return {};
    TurnList::begin(stream, limits::stream_quantum);
  }
  // Nor is a block cut that fits the next room whole.
  const std::size_t least = whole >= least_uncopied ? whole : std::min(whole, least_part);
  if (glue_.room_left() < Nghttp2Glue::frame_header + least) {
    no_room_ = true;
    return {};
  }
  const std::size_t size = std::min(whole, glue_.room_left() - Nghttp2Glue::frame_header);
  return {true, size == queued && stream.out_way_ == LinkStream::Way::ending, false, size};
}

Bytes Link::Core::take_chunk(std::int32_t, Bytes header, MutableBytes frame, bool last) {
  auto& stream = static_cast<LinkStream&>(*turns_.front());
  const std::size_t size = frame.size() - header.size();
  Bytes uncopied;
  if (size >= least_uncopied && size == stream.out_.front().size()) {
    uncopied = stream.out_.hand_over(header, handed_);
  } else {
    std::copy(header.begin(), header.end(), frame.begin());
    stream.out_.peek(frame.subspan(header.size()));
    stream.out_.consume(size);
  }
  stream.deficit -= static_cast<std::uint32_t>(size);
  if (&stream != control_.get()) queued_ -= size;
  if (last) stream.out_way_ = LinkStream::Way::ended;
  if (!stream.has_output()) TurnList::remove(stream);
  guard_.on_data_sent(size);
  return uncopied;
}

void Link::Core::on_head_sent(std::int32_t id) {
  LinkStream* stream = streams_.find(id);
  if (stream == nullptr) return;
  stream->head_sent_ = true;
  make_ready(*stream);
}

void Link::Core::on_written(LinkStream& stream, std::size_t n) {
  if (&stream != control_.get()) queued_ += n;
  make_ready(stream);
  wake();
}

}  // namespace tenfold
