#include "http2/stream.h"

#include <cassert>
#include <memory>
#include <utility>

#include "http2/stream_pipe.h"
#include "http2/websocket_key.h"

namespace tenfold::http2 {

namespace {

bool accepts(const http::ResponseHead& head, std::string_view key) {
  const http::Field* const accept = http::find(head.fields, "sec-websocket-accept");
  return accept != nullptr && accept->value == websocket_accept(key);
}

}  // namespace

Stream::Stream(ServerConnection::Core& core, Runtime& runtime)
    : core_(core),
      runtime_(runtime),
      growth_(core.options().stream_window, runtime.now()),
      held_(runtime.blocks),
      out_(runtime.blocks, Nghttp2Glue::frame_header) {}

Stream::~Stream() = default;

void Stream::start(std::int32_t id) {
  id_ = id;
  handler_ = nullptr;
  pipe_ = nullptr;
  request_.start();
  trailers_.clear();
  answer_trailers_.clear();
  growth_ = WindowGrowth(core_.options().stream_window, runtime_.now());
  held_.clear();
  out_.clear();
  queued_ = sent_untold_ = uncredited_ = 0;
  gone_.reset();
  limit_ = http::Limit::none;
  in_way_ = In::flowing;
  out_way_ = Out::waiting;
  announced_ = reading_ = upgraded_ = over_ = head_sent_ = end_sent_ = blocked_ = false;
  done_ = true;  // until it is announced
}

void Stream::set_handler(Handler* handler) {
  if (done_) return;
  handler_ = handler;
  if (handler != nullptr && has_news()) tell_later();
}

void Stream::read_body() {
  reading_ = true;
  if (has_news()) tell_later();
}

void Stream::credit(std::size_t n) {
  assert(n <= uncredited_);
  uncredited_ -= n;
  if (over_ || in_way_ != In::flowing) return;
  core_.on_credit(*this, n);
  settle_wait();
}

void Stream::interim(const http::ResponseHead& head) {
  assert(!answered() && head.status >= 100 && head.status < 200 && head.status != 101);
  if (!over_) core_.submit_interim(*this, head);
}

void Stream::answer(const http::ResponseHead& head, http::BodySize size) {
  assert(!answered() && head.status >= 200);
  out_way_ = size.empty() ? Out::ended : Out::flowing;
  if (over_) return;
  core_.submit_answer(*this, head, size);
  settle_wait();
}

std::size_t Stream::write(Bytes bytes) {
  assert(answered());
  if (over_ || out_way_ != Out::flowing || bytes.empty()) return bytes.size();
  out_.append(bytes);
  queued_ += bytes.size();
  core_.on_written(*this);
  settle_wait();
  return 0;
}

void Stream::end(const http::Fields& trailers) {
  assert(answered());
  if (done_) return;
  // Their names and values are valid only during the call.
  for (const http::Field& field : trailers) {
    if (http::allowed_in_trailer(trailers, field.name)) answer_trailers_.add(field.name, field.value);
  }
  finish_output();
  finish_handler();
}

void Stream::finish_output() {
  if (over_ || out_way_ != Out::flowing) return;
  out_way_ = answer_trailers_.size() == 0 ? Out::ending : Out::trailing;
  core_.on_written(*this);
  settle_wait();
}

void Stream::abort() {
  if (done_) return;
  if (out_way_ == Out::flowing && !out_.empty()) {
    out_way_ = Out::aborting;
  } else if (out_way_ != Out::ended) {
    core_.cut(*this, H2Code::internal_error);
  }
  finish_handler();
}

void Stream::reset() {
  if (!done_) cut(H2Code::internal_error);
}

http::Upgraded Stream::upgrade(const http::ResponseHead& head) {
  assert(!answered() && !done_ && !request_.protocol().empty());
  http::Upgraded upgraded;
  auto pipe = std::make_unique<StreamPipe>(*this);
  pipe_ = pipe.get();
  handler_ = nullptr;
  upgraded_ = reading_ = true;
  out_way_ = Out::flowing;
  upgraded.pipe = std::move(pipe);
  while (!held_.empty()) {
    upgraded.early += to_text(held_.front());
    held_.consume(held_.front().size());
  }
  upgraded.ended = std::exchange(in_way_, in_way_ == In::flowing ? In::flowing : In::told) != In::flowing;
  if (over_) return upgraded;
  if (request_.websocket_key().empty() || accepts(head, request_.websocket_key())) {
    core_.submit_answer(*this, head, {http::BodySize::Kind::unknown, 0});
    settle_wait();
  } else {
    core_.cut(*this, H2Code::internal_error);
    take_gone({{ErrorKind::protocol, "a WebSocket's key was not answered", Origin::visitor}});
  }
  return upgraded;
}

void Stream::cut(H2Code code) {
  pipe_ = nullptr;
  core_.cut(*this, code);
  finish_handler();
}

void Stream::finish_handler() {
  handler_ = nullptr;
  gone_.reset();
  held_.clear();
  if (std::exchange(done_, true)) return;
  runtime_.timers.disarm(later_);
  on_output_end();
  core_.settle(*this);
}

// RFC 9113 8.1: "A server MAY request that the client abort transmission of a request without error by sending a
// RST_STREAM with an error code of NO_ERROR after sending a complete response".
void Stream::on_output_end() {
  if (over_ || !done_ || out_way_ != Out::ended || in_way_ != In::flowing || !end_sent_) return;
  core_.cut(*this, H2Code::no_error);
}

}  // namespace tenfold::http2
