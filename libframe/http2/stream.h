// Stream: one request of a ServerConnection and its answer, the http::ServerStream of HTTP/2.
//
// Each direction has its own state:
//
//   in    flowing -> ended (END_STREAM came) -> told
//   out   waiting --answer(), no content--> ended                       END_STREAM on HEADERS
//         waiting --answer()--> flowing --end()--> ending --> ended     ... on the last DATA
//                               flowing --end(trailers)--> trailing --> ended     ... on the trailers
//                               flowing --abort()--> aborting --> (reset behind the last DATA)
//
// `over`: nghttp2 has removed the stream, or we reset it. `done`: the handler's last call or last event has happened.
// When both hold, the connection keeps the object for another request.
//
// Events without a handler, and a paused body, are held and reported later, by a timer.
//
// Owned by its connection's Core, on its thread. stream.cc has the calls, stream_events.cc the events and the waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/byte_queue.h"
#include "base/runtime.h"
#include "http/server_stream.h"
#include "http2/field_list.h"
#include "http2/h2_code.h"
#include "http2/request_reader.h"
#include "http2/server_core.h"
#include "http2/turn_list.h"
#include "http2/window_growth.h"

namespace tenfold::http2 {

class StreamPipe;

class Stream final : public http::ServerStream, public Turn {
 public:
  Stream(ServerConnection::Core& core, Runtime& runtime);
  ~Stream();

  // ---- http::ServerStream.
  const http::RequestHead& head() const override { return request_.head(); }
  http::BodySize body() const override { return request_.body(); }
  void set_handler(Handler* handler) override;
  void read_body() override;
  void credit(std::size_t n) override;
  void interim(const http::ResponseHead& head) override;
  void answer(const http::ResponseHead& head, http::BodySize size) override;
  bool answered() const override { return out_way_ != Out::waiting; }
  std::size_t write(Bytes bytes) override;
  void end(const http::Fields& trailers) override;
  void abort() override;
  void reset() override;
  http::Upgraded upgrade(const http::ResponseHead& head) override;

 private:
  friend class ServerConnection::Core;
  friend class StreamPipe;

  enum class In : std::uint8_t { flowing, ended, told };
  enum class Out : std::uint8_t { waiting, flowing, ending, trailing, aborting, ended };

  // ---- For the connection.
  void start(std::int32_t id);
  void on_body(Bytes bytes);
  void on_end();
  void on_sent(std::size_t n);
  // nghttp2 has removed the stream.
  void on_over(H2Code code);
  // The connection is destroyed before the stream has ended.
  void part();
  bool has_output() const { return !out_.empty() || out_way_ == Out::ending || out_way_ == Out::trailing; }
  // Its END_STREAM was sent, or its handler is done.
  void on_output_end();

  // ---- For its pipe.
  void finish_output();
  void cut(H2Code code);
  std::size_t queued() const { return queued_; }

  bool expects_body() const { return upgraded_ || !request_.body().empty(); }
  // The handler's last call: it gets no more events.
  void finish_handler();
  void tell_later();
  void tell();
  bool tell_body();
  void tell_end();
  void tell_gone();
  bool has_news() const;
  void take_gone(http::Gone gone);
  http::Limit waits_for() const;
  Duration patience(http::Limit limit) const;
  // Bytes moved: restarts the current wait, or starts another one.
  void progress();
  void settle_wait();
  void on_wait_over();

  ServerConnection::Core& core_;
  Runtime& runtime_;
  Handler* handler_ = nullptr;
  StreamPipe* pipe_ = nullptr;  // after upgrade(), while it exists
  RequestReader request_;
  FieldList trailers_;  // of the request
  FieldList answer_trailers_;
  WindowGrowth growth_;
  ByteQueue held_;                         // arrived, not reported yet
  ByteQueue out_;                          // written, not in a frame yet
  std::size_t queued_ = 0;                 // written, on_sent() not called yet
  std::size_t sent_untold_ = 0;            // ... of these, already in a frame
  std::size_t uncredited_ = 0;             // arrived, not credited yet
  std::optional<http::Gone> gone_;         // the last event, not reported yet
  http::Limit limit_ = http::Limit::none;  // what wait_ waits for
  std::int32_t id_ = 0;
  In in_way_ = In::flowing;
  Out out_way_ = Out::waiting;
  bool announced_ = false;  // on_request() or on_fault() was called
  bool reading_ = false;    // read_body(), or upgraded
  bool upgraded_ = false;
  bool over_ = false;
  bool done_ = false;
  bool head_sent_ = false;  // the answer's HEADERS were sent, so DATA may follow
  bool end_sent_ = false;   // our END_STREAM was sent
  bool blocked_ = false;    // no window: not in the rotation until it opens
  MemberTimer<Stream, &Stream::tell> later_{*this};
  MemberTimer<Stream, &Stream::on_wait_over> wait_{*this};
};

}  // namespace tenfold::http2
