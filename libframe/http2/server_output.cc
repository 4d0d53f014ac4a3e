// The output half of ServerConnection::Core. nghttp2 sends control frames and heads first; then streams send in
// rotation. nghttp2 asks for DATA of every stream that is not deferred, and only the stream at the front of turns_ gets
// some: the others are deferred until resume().
#include <algorithm>
#include <array>
#include <cassert>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "http2/server_core.h"
#include "http2/stream.h"

namespace tenfold::http2 {

namespace {

// The rest of a room is filled with part of a stream's bytes only if the part is at least this large.
constexpr std::size_t least_part = 1 * limits::KiB;
constexpr int most_rounds = 8;  // per flush: then other work on the loop gets its turn

// The fields of an answer, without those of an HTTP/1.1 connection (RFC 9113 8.2.2).
class AnswerFields {
 public:
  AnswerFields(int status, const http::Fields& fields) : status_(std::to_string(status)) {
    fields_.reserve(fields.size() + 2);
    fields_.push_back({":status", status_});
    const http::HopByHop hop_by_hop(fields);
    for (const http::Field& field : fields) {
      if (hop_by_hop.has(field.name) || http::equal_nocase(field.name, "content-length")) continue;
      fields_.push_back({field.name, field.value});
    }
  }
  void set_length(std::uint64_t length) {
    length_ = std::to_string(length);
    fields_.push_back({"content-length", length_});
  }
  void leave_out(std::string_view name) {
    std::erase_if(fields_, [name](const H2Field& field) { return http::equal_nocase(field.name, name); });
  }
  std::span<const H2Field> span() const { return fields_; }

 private:
  std::string status_;
  std::string length_;
  std::vector<H2Field> fields_;
};

}  // namespace

void ServerConnection::Core::submit_interim(Stream& stream, const http::ResponseHead& head) {
  if (ended()) return;
  glue_.submit_interim(stream.id_, AnswerFields(head.status, head.fields).span());
  wake();
}

void ServerConnection::Core::submit_answer(Stream& stream, const http::ResponseHead& head, http::BodySize size) {
  if (ended()) return;
  int status = head.status;
  if (stream.upgraded_) {
    status = 200;
  } else if (!stream.request_.protocol().empty() && status < 300) {
    status = 502;  // RFC 8441 5: a 2xx would mean that the upgrade succeeded
  }
  AnswerFields fields(status, head.fields);
  // RFC 8441 5: this field is not used.
  if (stream.upgraded_) fields.leave_out("sec-websocket-accept");
  const bool tells_length = size.kind == http::BodySize::Kind::known ||
                            (size.kind == http::BodySize::Kind::none && size.length != 0 && status != 204);
  if (tells_length) fields.set_length(size.length);
  glue_.submit_response(stream.id_, fields.span(), size.empty() ? Nghttp2Glue::Body::none : Nghttp2Glue::Body::follows);
  wake();
}

void ServerConnection::Core::wake() {
  wanted_ = true;
  if (!busy_ && state_ != State::closed) runtime_.timers.arm_in(flush_, Duration::zero());
}

void ServerConnection::Core::flush() {
  if (busy_ || state_ == State::closed) return;
  busy_ = true;
  runtime_.timers.disarm(flush_);
  wanted_ = true;
  for (int round = 0; wanted_ && round < most_rounds && pipe_->queued() < limits::h2_flush; ++round) {
    std::array<std::uint8_t, limits::h2_flush> room;
    glue_.start_output(room);
    fill();
    wanted_ = glue_.output_size() != 0;
    for (const Bytes piece : glue_.output()) pipe_->write(piece);
    settle_output_ends();
    dispatch();
  }
  busy_ = false;
  settle_close();
  // Output beyond the pipe's room continues in on_sent().
  if (wanted_ && pipe_->queued() < limits::h2_flush) wake();
}

void ServerConnection::Core::fill() {
  no_room_ = false;
  glue_.send();
  while (!glue_.room_full() && !no_room_ && !turns_.empty() && glue_.connection_window() > 0) {
    auto& stream = static_cast<Stream&>(*turns_.front());
    asked_ = false;
    glue_.resume(stream.id_);
    glue_.send();
    if (asked_ || glue_.room_full()) continue;
    // nghttp2 has no window for it. It becomes ready again when the window opens.
    stream.blocked_ = true;
    TurnList::remove(stream);
  }
}

void ServerConnection::Core::make_ready(Stream& stream) {
  if (!TurnList::idle(stream) || !stream.head_sent_ || stream.blocked_ || stream.over_ || !stream.has_output()) return;
  turns_.push_back(stream);
}

Nghttp2Glue::User::Chunk ServerConnection::Core::next_chunk(std::int32_t id, std::size_t most) {
  if (turns_.empty()) return {};
  auto& stream = static_cast<Stream&>(*turns_.front());
  if (stream.id_ != id) return {};
  assert(stream.has_output());
  asked_ = true;
  TurnList::begin(stream, limits::stream_quantum);
  const std::size_t queued = stream.out_.size();
  const std::size_t whole = std::min({stream.out_.front().size(), most, limits::data_payload});
  if (whole > stream.deficit) {
    turns_.rotate(stream);
    if (turns_.front() != &stream) return {};
    TurnList::begin(stream, limits::stream_quantum);
  }
  if (glue_.room_left() < Nghttp2Glue::frame_header + std::min(whole, least_part)) {
    no_room_ = true;
    return {};
  }
  const std::size_t size = std::min(whole, glue_.room_left() - Nghttp2Glue::frame_header);
  const bool last = size == queued;
  return {true, last && stream.out_way_ == Stream::Out::ending, last && stream.out_way_ == Stream::Out::trailing, size};
}

Bytes ServerConnection::Core::take_chunk(std::int32_t, Bytes header, MutableBytes frame, bool) {
  auto& stream = static_cast<Stream&>(*turns_.front());
  const std::size_t size = frame.size() - header.size();
  std::copy(header.begin(), header.end(), frame.begin());
  stream.out_.peek(frame.subspan(header.size()));
  stream.out_.consume(size);
  stream.deficit -= static_cast<std::uint32_t>(size);
  guard_.on_data_sent(size);
  if (stream.out_.empty() && stream.out_way_ != Stream::Out::flowing) output_ends_.push_back(stream.id_);
  if (stream.out_.empty() && stream.has_output()) stream.out_way_ = Stream::Out::ended;
  if (!stream.has_output()) TurnList::remove(stream);
  return {};
}

void ServerConnection::Core::on_head_sent(std::int32_t id) {
  Stream* stream = streams_.find(id);
  if (stream == nullptr || !stream->answered()) return;  // 1xx
  stream->head_sent_ = true;
  stream->blocked_ = false;
  make_ready(*stream);
}

void ServerConnection::Core::on_written(Stream& stream) {
  make_ready(stream);
  wake();
}

void ServerConnection::Core::settle_output_ends() {
  for (const std::int32_t id : std::exchange(output_ends_, {})) {
    Stream* stream = streams_.find(id);
    if (stream == nullptr || stream->over_) continue;
    if (stream->out_way_ == Stream::Out::aborting) {
      cut(*stream, H2Code::internal_error);
    } else if (const FieldList& trailers = stream->answer_trailers_; trailers.size() != 0) {
      std::vector<H2Field> fields;
      for (std::size_t i = 0; i < trailers.size(); ++i)
        fields.push_back({trailers.view(i).name, trailers.view(i).value});
      glue_.submit_trailers(id, fields);
      wanted_ = true;
    } else {
      stream->end_sent_ = true;
      stream->on_output_end();
    }
  }
}

}  // namespace tenfold::http2
