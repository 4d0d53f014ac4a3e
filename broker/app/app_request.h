// AppRequest: one request over a Tunnel to the app, and its answer: the HTTP/1.1 client side. It drives a ServerStream
// and is independent of the visitor's version.
//
//   request.start(tunnel, stream, forwarded, record);
//   on_app_request_over(…)       // the one last event; start() may be called again, from inside that event too
//
//   idle -> opening -> awaiting -> answering -> idle
//              ^           |  |'-> upgraded -> idle
//              |           |  '-> ended -> idle
//              '-----------'--------' (retry)
//
// While the app answers, it answers the stream, to the last byte or an upgrade. If the app does not, it reports the
// reason, and its owner answers, or cuts an answer that was begun.
//
// A request is retried once, on another pipe, if it is proven that the app has not begun it (unbegun, by RFC 9113 8.7),
// for any method; without proof, if its method is safe and a kept pipe, or the agent's link, ended before a byte of an
// answer. limits::request_kept of its body are kept for that.
//
// Waits, by `patience`: for the app, from the request to the first byte of the answer and between two bytes of it.
// Never while the visitor delays the app: its body has not arrived, or it has not read the answer so far.
//
// Reused from request to request, so that a steady connection allocates nothing. Pure: sockets are Duplexes, deadlines
// are timers of the runtime.
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
  // What is left for the owner to do.
  enum class Ending : std::uint8_t {
    answered,  // nothing: the stream has ended
    failed,    // answer the stream, or abort() it when its answer has begun
    stands,    // reset() the stream: the visitor reads nothing of its answer
    gone,      // nothing: the stream reported its own end
  };

  class Owner {
   public:
    // `why` and `limit`: for every ending but answered.
    virtual void on_app_request_over(Ending ending, const Error& why, http::Limit limit) = 0;
    // The stream's connection is about to carry raw bytes; over() follows when they have ended.
    virtual void on_app_request_upgrading() = 0;

   protected:
    ~Owner() = default;
  };

  AppRequest(Runtime& runtime, http1::HeadBuffers& head_buffers, Owner& owner)
      : runtime_(runtime), head_buffers_(head_buffers), owner_(owner), kept_body_(runtime.blocks) {}
  // Cuts the current request, without an event.
  ~AppRequest();

  // Becomes the stream's handler. `patience`, `record` and the stream outlive the request; `forwarded` only needs to
  // outlive the call.
  void start(std::shared_ptr<Tunnel> tunnel, http::ServerStream& stream, const ForwardedRequest& forwarded,
             const http::Patience& patience, RequestRecord& record);

  bool running() const { return state_ != State::idle; }
  // Ends a running request: it fails, or, when upgraded, ends in order. over() may come from inside.
  void end_by_operator();

  bool upgraded() const { return state_ == State::upgraded; }
  // For an upgraded request: ends both directions in order.
  void end_upgraded() { pair_->end(); }

 private:
  enum class State : std::uint8_t {
    idle,
    opening,    // waits for the tunnel's pipe
    awaiting,   // the request is being sent, no final head yet
    ended,      // the kept pipe ended before a byte of an answer: the agent may still report that nothing was begun
    answering,  // the answer's body is being read
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

  // Duplex::Handler for the upstream pipe. A separate object, since its on_sent() has the same name as the stream's and
  // means the other direction.
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

  // For an answer that is not HTTP: reports its first bytes, and the likely protocol.
  void fail_bad_head();
  // False if reading the head ended the request, or started another one.
  bool take_head(Bytes rest);
  void note_own_answer(const http::ResponseHead& head);
  void upgrade(const http::ResponseHead& head, Bytes early);
  void write_body(Bytes bytes);
  void await_app();
  bool visitor_awaited() const;
  const char* who_answers() const;
  Duration gap_time() const;
  void finish(bool clean);
  void upstream_lost(const Error& reported);
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
  std::string_view agent_hears_;  // the visitor's address for the agent
  std::shared_ptr<Tunnel> tunnel_;
  Upstream upstream_;
  std::unique_ptr<UpgradedPair> pair_;  // when upgraded
  std::string head_;                    // the request's head for the app; kept until an answer comes, for a retry
  http1::HeadReader reader_{http1::HeadReader::Kind::response, &head_buffers_};
  http1::BodyReader answer_body_;
  bool to_head_ = false;  // the request is a HEAD
  bool safe_ = false;     // RFC 9110 9.2.1: GET, HEAD, OPTIONS, TRACE, and no body
  bool chunked_ = false;  // the request's body is sent in chunks
  bool has_body_ = false;
  bool long_body_ = false;  // it may exceed what is kept
  ByteQueue kept_body_;     // the part that was received, for a retry
  bool body_lost_ = false;  // more was received than is kept
  std::string kept_end_;    // the end of the chunked body for the app, trailers included
  std::string upgrade_;     // the protocols that the request wants to upgrade to, a list; mostly empty
  bool request_sent_ = false;
  bool continue_awaited_ = false;  // the visitor waits for a 1xx of the app before it sends the body: RFC 9110 10.1.1
  bool retried_ = false;
  bool answer_began_ = false;   // any byte of an answer was read
  bool keep_upstream_ = false;  // the answer's head allows another request
  Duration upstream_keeps_{};   // ... for this long, as announced by the app
  int interims_ = 0;
  std::size_t head_bytes_ = 0;           // of the answer's heads so far
  std::size_t body_unsent_ = 0;          // bytes of on_body() that are not credited
  std::size_t answer_held_ = 0;          // bytes written to the stream and not sent yet: the visitor is slow
  bool reader_stands_ = false;           // ... and the tunnel was told
  http::Limit gap_ = http::Limit::none;  // the limit for a pause in the answer's body
};

}  // namespace tenfold::broker
