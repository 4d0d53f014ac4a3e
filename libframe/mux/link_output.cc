// The half of Link::Core that sends. Control frames go first, as nghttp2 has them; then the control stream; then the
// streams in turn. nghttp2 asks for DATA of any stream that it does not know to be waiting, and gets some only for
// the stream whose turn it is: the others are put off until resume() calls them up.
#include <algorithm>
#include <cassert>

#include "base/limits.h"
#include "mux/link_core.h"

namespace tenfold {

namespace {

// What is left of a room is filled with a part of a stream's bytes only when the part is worth a frame.
constexpr std::size_t least_part = 1 * limits::KiB;

}  // namespace

std::size_t Link::Core::take_output(MutableBytes room) {
  assert(room.size() >= limits::flush_small);
  announced_ = true;
  glue_.start_output(room);
  fill();
  const std::size_t size = glue_.output_size();
  // Whoever hears that its bytes left may write more, or cut streams: that is for the next room.
  dispatch();
  announced_ = size != 0 && want_output();
  return size;
}

bool Link::Core::want_output() const {
  return glue_.want_send() || goaway_due_ || (!turns_.empty() && glue_.connection_window() > 0);
}

void Link::Core::fill() {
  glue_.send();
  bool going = true;
  while (going && !glue_.room_full() && !turns_.empty() && glue_.connection_window() > 0) {
    going = take_turn(static_cast<LinkStream&>(*turns_.front()));
  }
  // RFC 9113 6.8: "An endpoint SHOULD always send a GOAWAY frame before closing a connection". What the control stream
  // has no window for is lost.
  if (goaway_due_ && !glue_.room_full() && (turns_.empty() || glue_.connection_window() <= 0)) {
    goaway_due_ = false;
    glue_.terminate(H2Code::no_error);
    glue_.send();
  }
}

// False when the room is used up.
bool Link::Core::take_turn(LinkStream& stream) {
  TurnList::begin(stream, limits::stream_quantum);
  turn_ = &stream;
  asked_ = Asked::not_at_all;
  glue_.resume(stream.id_);
  glue_.send();
  turn_ = nullptr;
  switch (asked_) {
    case Asked::not_at_all:
      stream.blocked_ = true;
      TurnList::remove(stream);
      break;
    case Asked::sent:
      if (!stream.has_output()) TurnList::remove(stream);
      break;
    case Asked::drained: TurnList::remove(stream); break;
    case Asked::over:
      // The control stream goes before all others, so its next turn follows at once.
      if (&stream == control_.get()) {
        stream.begun = false;
      } else {
        turns_.rotate(stream);
      }
      break;
    case Asked::no_room: return false;
  }
  return true;
}

void Link::Core::make_ready(LinkStream& stream) {
  if (!TurnList::idle(stream) || !stream.head_sent_ || stream.blocked_ || !stream.has_output()) return;
  if (&stream == control_.get()) return turns_.push_front(stream);
  if (!ended()) turns_.push_back(stream);
}

Nghttp2Glue::Source::Chunk Link::Core::next_chunk(std::int32_t id, std::size_t most) {
  if (turn_ == nullptr || turn_->id_ != id) return {};
  LinkStream& stream = *turn_;
  const std::size_t queued = stream.out_.size();
  const bool ending = stream.out_way_ == LinkStream::Way::ending;
  if (queued == 0 && !ending) {
    asked_ = Asked::drained;
    return {};
  }
  const std::size_t whole = std::min({queued, most, limits::data_payload});
  if (whole > stream.deficit) {
    asked_ = Asked::over;
    return {};
  }
  if (glue_.room_left() < Nghttp2Glue::frame_header + std::min(whole, least_part)) {
    asked_ = Asked::no_room;
    return {};
  }
  asked_ = Asked::sent;
  const std::size_t size = std::min(whole, glue_.room_left() - Nghttp2Glue::frame_header);
  stream.deficit -= static_cast<std::uint32_t>(size);
  return {true, ending && size == queued, size};
}

void Link::Core::take_chunk(std::int32_t, MutableBytes out, bool last) {
  LinkStream& stream = *turn_;
  stream.out_.peek(out);
  stream.out_.consume(out.size());
  if (&stream != control_.get()) queued_ -= out.size();
  if (last) stream.out_way_ = LinkStream::Way::ended;
  guard_.on_data_sent(out.size());
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
