// AppRequest: one request over a Tunnel to the app, and its answer: the side of HTTP/1.1 that faces the app. It drives
// a ServerStream and knows nothing of the visitor's version.
//
//   request.start(tunnel, stream, forwarded, record);
//   on_app_request_over(…)       // the one last event; start() may be called again, from inside that event too
//
//   idle -> opening -> awaiting -> answering -> idle
//              ^           |  |'-> upgraded -> idle
//              |           |  '-> ended -> idle
//              '-----------'--------' (one more try)
//
// It answers the stream itself where the app does, to the last byte or an upgrade. Where the app does not, it reports
// why, and its owner answers, or cuts what was begun.
//
// A request is asked once more, on another pipe, when there is proof that nothing of it was begun (unbegun, by
// RFC 9113 8.7), whatever its method; without proof, when its method is safe and a kept pipe, or the agent's link, died
// without a byte of an answer. limits::request_kept of its body are kept for that.
//
// Whom it waits for, by `patience`: the app, from the request to the first byte of the answer and between two bytes of
// it. Never while the visitor holds the app back: his body has not come, or he has not taken what came.
//
// Reused from request to request, so that a steady connection allocates nothing. Pure: sockets are Duplexes, deadlines
// stand in the runtime's timers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/runtime.h"
#include "broker/app/forwarded_head.h"
#include "broker/app/request_record.h"
#include "broker/app/upgraded_pair.h"
#include "broker/tunnels/tunnel.h"
#include "http/patience.h"
#include "http/server_stream.h"
#include "http1/body_framing.h"
#include "http1/head_reader.h"

namespace tenfold::broker {

class AppRequest final : private Opening,
                         private http::ServerStream::Handler,
                         private UpgradedPair::Owner,
                         private Timer {
 public:
  // What the owner still has to do.
  enum class Ending : std::uint8_t {
    answered,  // nothing: the stream was ended
    failed,    // answer the stream, or abort() it when its answer has begun
    stands,    // reset() the stream: the visitor takes nothing of his answer
    gone,      // nothing: the stream has ended itself
  };

  class Owner {
   public:
    // `why` and `limit`: of every ending but answered.
    virtual void on_app_request_over(Ending ending, const Error& why, http::Limit limit) = 0;
    // The stream's connection is about to become raw bytes; over() follows when those have ended.
    virtual void on_app_request_upgrading() = 0;

   protected:
    ~Owner() = default;
  };

  AppRequest(Runtime& runtime, http1::HeadBuffers& head_buffers, Owner& owner)
      : runtime_(runtime), head_buffers_(head_buffers), owner_(owner), kept_body_(runtime.blocks) {}
  // Cuts what runs, without an event.
  ~AppRequest();

  // Becomes the stream's handler. `patience`, `record` and the stream outlive the request; `forwarded` the call.
  void start(std::shared_ptr<Tunnel> tunnel, http::ServerStream& stream, const ForwardedRequest& forwarded,
             const http::Patience& patience, RequestRecord& record);

  bool upgraded() const { return state_ == State::upgraded; }
  // Of an upgraded one: ends both ways in order.
  void end_upgraded() { pair_->end(); }

 private:
  enum class State : std::uint8_t {
    idle,
    opening,    // waits for the tunnel's pipe
    awaiting,   // the request goes, no final head yet
    ended,      // the kept pipe ended before a byte of an answer: the agent may still say that nothing was begun
    answering,  // the answer's body comes
    upgraded,   // raw bytes
  };

  // Opening
  std::string_view opening_peer() const override { return agent_hears_; }
  bool opening_wants_fresh() const override { return retried_ || long_body_; }
  void on_open(Upstream upstream) override;
  void on_open_failed(const Error& why) override { fail(why); }
  void on_evicted() override;

  // http::ServerStream::Handler
  void on_body(Bytes bytes) override;
  void on_body_end(const http::Fields& trailers) override;
  void on_sent(std::size_t n) override;
  void on_gone(const http::Gone& gone) override;

  // Duplex::Handler, of the upstream pipe; its on_sent() has the same name as the stream's and the same meaning for the
  // other direction, so the pipe is heard through this.
  struct Pipe final : Duplex::Handler {
    explicit Pipe(AppRequest& r) : request(r) {}
    void on_data(Bytes bytes) override { request.on_app_data(bytes); }
    void on_end() override { request.on_app_end(); }
    void on_sent(std::size_t) override { request.on_app_took(); }
    void on_closed(const Error& why) override { request.upstream_lost(why); }
    AppRequest& request;
  };
  void on_app_data(Bytes bytes);
  void on_app_end();
  void on_app_took();

  void on_upgraded_over(http::Limit limit) override;
  void on_timer() override;

  // Of an answer that is not HTTP: names what it began with, and what that may be.
  void fail_bad_head();
  // False when the request is over, or is another's, by what was read.
  bool take_head(Bytes rest);
  void note_own_answer(const http::ResponseHead& head);
  void upgrade(const http::ResponseHead& head, Bytes early);
  void write_body(Bytes bytes);
  void await_app();
  bool visitor_awaited() const;
  const char* who_answers() const;
  Duration gap_time() const;
  void finish(bool clean);
  void upstream_lost(const Error& why);
  bool may_ask_again(const Error& why) const;
  void ask_again();
  void fail(const Error& why, http::Limit limit = http::Limit::none);
  void over(Ending ending, const Error& why, http::Limit limit);
  void answer_left(std::size_t n);
  void settle_body();
  void settle_reader();

  Runtime& runtime_;
  http1::HeadBuffers& head_buffers_;
  Owner& owner_;
  Pipe pipe_{*this};
  State state_ = State::idle;
  http::ServerStream* stream_ = nullptr;  // the visitor's; null when idle or upgraded
  const http::Patience* patience_ = nullptr;
  RequestRecord* record_ = nullptr;
  std::string_view agent_hears_;  // of the visitor's address
  std::shared_ptr<Tunnel> tunnel_;
  Upstream upstream_;
  std::unique_ptr<UpgradedPair> pair_;  // when upgraded
  std::string head_;  // the request's head as it goes upstream; kept until an answer comes, for one more try
  http1::HeadReader reader_{http1::HeadReader::Kind::response, &head_buffers_};
  http1::BodyReader answer_body_;
  bool to_head_ = false;  // the request is a HEAD
  bool safe_ = false;     // RFC 9110 9.2.1: GET, HEAD, OPTIONS, TRACE, and nothing in it
  bool chunked_ = false;  // the request's body goes chunked
  bool has_body_ = false;
  bool long_body_ = false;  // it may be longer than what is kept
  ByteQueue kept_body_;     // what came of it, for one more try
  bool body_lost_ = false;  // more came than is kept
  std::string kept_end_;    // the chunked body's end as it goes upstream, trailers included
  std::string upgrade_;     // what the request asks to upgrade to, a list; mostly empty
  bool request_sent_ = false;
  bool continue_awaited_ = false;  // the visitor waits for the app's word before he sends the body: RFC 9110 10.1.1
  bool retried_ = false;
  bool answer_began_ = false;   // any byte of an answer was read
  bool keep_upstream_ = false;  // the answer's head allows another request
  Duration upstream_keeps_{};   // ... as long as the app said
  int interims_ = 0;
  std::size_t head_bytes_ = 0;           // of the answer's heads so far
  std::size_t body_unsent_ = 0;          // bytes of on_body() that were not credited
  std::size_t answer_held_ = 0;          // bytes written to the stream that have not left: the visitor is behind
  bool reader_stands_ = false;           // ... and the tunnel knows
  http::Limit gap_ = http::Limit::none;  // what governs a pause in the answer's body
};

}  // namespace tenfold::broker
