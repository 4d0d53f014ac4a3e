// Exchange: one request and its answer over an upstream pipe: the side of HTTP/1.1 that faces the
// local app. What faces the visitor (visitor_h1) feeds it the request and renders what it
// reports; so neither knows the other's framing.
//
//   exchange.start(tunnel, request);
//   on_body_wanted()              -> exchange.send_body(bytes) …, exchange.end_body(trailers)
//   on_interim(head)*  on_answer(head, framing)  on_answer_data(bytes)*  on_answer_end(trailers)
//   exchange.credit(n)            as the answer's bytes leave for the visitor
//
// One of on_answer_end(), on_switched(), on_failed() is the last event; then start() may be
// called again, from inside that event too. Reused from request to request, so that a steady connection
// allocates nothing. Pure: sockets are Duplexes, deadlines stand in the runtime's timers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/runtime.h"
#include "broker/forwarded_head.h"
#include "broker/tunnel.h"
#include "http1/body_framing.h"
#include "http1/head_reader.h"

namespace tenfold::broker {

class Exchange final : private Opening, private Duplex::Handler, private Timer {
 public:
  class Visitor {
   public:
    // The upstream stands: send_body() now. Only when the request has a body.
    virtual void on_body_wanted() = 0;
    // `n` bytes of send_body() have left.
    virtual void on_body_gone(std::size_t n) = 0;
    // 1xx, not 101.
    virtual void on_interim(const http1::ResponseHead& head) = 0;
    virtual void on_answer(const http1::ResponseHead& head, http1::Framing framing) = 0;
    // To be credit()ed.
    virtual void on_answer_data(Bytes bytes) = 0;
    virtual void on_answer_end(const http1::Fields& trailers) = 0;
    // 101 to an Upgrade that was asked for. The upstream is raw from here; `early` came behind the head.
    virtual void on_switched(const http1::ResponseHead& head, Upstream upstream, Bytes early) = 0;
    // No (whole) answer. A slow app is `io`, see trouble_of().
    virtual void on_failed(const Error& why) = 0;

   protected:
    ~Visitor() = default;
  };

  Exchange(Runtime& runtime, http1::HeadBuffers& head_buffers, Visitor& visitor)
      : runtime_(runtime), head_buffers_(head_buffers), visitor_(visitor) {}
  ~Exchange();

  void start(std::shared_ptr<Tunnel> tunnel, const ForwardedRequest& request);

  // Between on_body_wanted() and end_body().
  void send_body(Bytes bytes);
  void end_body(const http1::Fields& trailers);

  // `n` bytes of the answer have left for the visitor.
  void credit(std::size_t n);

  // Nobody wants the answer any more; no further event.
  void cancel();

  bool running() const { return state_ != State::idle; }
  // The whole request has been handed over.
  bool request_sent() const { return request_sent_; }

 private:
  //   idle -> opening -> awaiting -> answering -> idle
  //              ^-----------' (one more try, when nothing can have been done)
  enum class State {
    idle,
    opening,    // waits for the tunnel's pipe
    awaiting,   // the request goes, no final head yet
    answering,  // the answer's body comes
  };

  // Opening
  std::string_view opening_peer() const override { return visitor_address_; }
  Duration opening_patience() const override;
  void on_open(Upstream upstream) override;
  void on_open_failed(const Error& why) override { fail(why); }

  // Duplex::Handler, of the upstream pipe
  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t n) override;
  void on_closed(const Error& why) override;

  void on_timer() override;

  // False when the exchange is over by what was read.
  bool take_head(Bytes rest);
  void finish(bool clean);
  void upstream_lost(const Error& why);
  void fail(const Error& why);
  void settle_body();
  void reset_state();

  Runtime& runtime_;
  http1::HeadBuffers& head_buffers_;
  Visitor& visitor_;
  State state_ = State::idle;
  std::shared_ptr<Tunnel> tunnel_;
  Upstream upstream_;
  std::string head_;  // the request's head as it goes upstream; kept until an answer comes, for one more try
  std::string visitor_address_;
  http1::HeadReader reader_{http1::HeadReader::Kind::response, &head_buffers_};
  http1::BodyReader answer_body_;
  bool to_head_ = false;  // the request is a HEAD
  bool safe_ = false;     // RFC 9110 9.2.1: GET, HEAD, OPTIONS, TRACE
  bool chunked_ = false;  // the request's body goes chunked
  bool has_body_ = false;
  std::string upgrade_;  // what the request asks to upgrade to, a list; mostly empty
  bool request_sent_ = false;
  bool retried_ = false;
  bool answer_began_ = false;   // any byte of an answer was read
  bool keep_upstream_ = false;  // the answer's head allows another request
  int interims_ = 0;
  std::size_t body_unsent_ = 0;  // bytes of send_body() that on_body_gone() has not told of
  std::size_t answer_held_ = 0;  // bytes of on_answer_data() that were not credited: the visitor is behind
  Duration gap_{};               // how long the answer's body may pause
};

}  // namespace tenfold::broker
