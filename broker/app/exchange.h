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
//
// A request is asked once more, on another pipe, when there is proof that nothing of it was begun (unbegun, by
// RFC 9113 8.7), whatever its method; without proof, when its method is safe and a kept pipe, or the agent's link, died
// without a byte of an answer. limits::request_kept of its body are kept for that.
//
// Whom it waits for: the app, from the request to the first byte of the answer and between two bytes of it. Never while
// the visitor holds the app back: his body has not come, or he has not taken what came.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/runtime.h"
#include "broker/app/forwarded_head.h"
#include "broker/tunnels/tunnel.h"
#include "http/patience.h"
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
    virtual void on_interim(const http::ResponseHead& head) = 0;
    virtual void on_answer(const http::ResponseHead& head, http1::Framing framing) = 0;
    // To be credit()ed.
    virtual void on_answer_data(Bytes bytes) = 0;
    virtual void on_answer_end(const http::Fields& trailers) = 0;
    // 101 to an Upgrade that was asked for. The upstream is raw from here; `early` came behind the head.
    virtual void on_switched(const http::ResponseHead& head, Upstream upstream, Bytes early) = 0;
    // No (whole) answer. A slow app is `io`, see trouble_of(). `limit`: the wait that ran out.
    virtual void on_failed(const Error& why, http::Limit limit) = 0;

   protected:
    ~Visitor() = default;
  };

  Exchange(Runtime& runtime, http1::HeadBuffers& head_buffers, const http::Patience& patience, Visitor& visitor)
      : runtime_(runtime),
        head_buffers_(head_buffers),
        patience_(patience),
        visitor_(visitor),
        kept_body_(runtime.blocks) {}
  ~Exchange();

  void start(std::shared_ptr<Tunnel> tunnel, const ForwardedRequest& request);

  // Between on_body_wanted() and end_body().
  void send_body(Bytes bytes);
  void end_body(const http::Fields& trailers);

  // `n` bytes of the answer have left for the visitor.
  void credit(std::size_t n);

  // Nobody wants the answer any more; no further event.
  void cancel();

  bool running() const { return state_ != State::idle; }
  // The visitor waits for the app's word before he sends the body: RFC 9110 10.1.1.
  bool continue_awaited() const { return continue_awaited_; }
  // Bytes of the body wait for the app.
  bool body_held_back() const { return body_unsent_ != 0; }

 private:
  //   idle -> opening -> awaiting -> answering -> idle
  //              ^           |  '-> ended -> idle
  //              '-----------'--------' (one more try)
  enum class State {
    idle,
    opening,    // waits for the tunnel's pipe
    awaiting,   // the request goes, no final head yet
    ended,      // the kept pipe ended before a byte of an answer: the agent may still say that nothing was begun
    answering,  // the answer's body comes
  };

  // Opening
  std::string_view opening_peer() const override { return visitor_address_; }
  bool opening_wants_fresh() const override { return retried_ || long_body_; }
  void on_open(Upstream upstream) override;
  void on_open_failed(const Error& why) override { fail(why); }
  void on_evicted() override;

  // Duplex::Handler, of the upstream pipe
  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t n) override;
  void on_closed(const Error& why) override;

  void on_timer() override;

  // False when the exchange is over by what was read.
  bool take_head(Bytes rest);
  void write_body(Bytes bytes);
  void write_body_end(const http::Fields& trailers);
  void await_app();
  bool visitor_awaited() const;
  Duration gap_time() const;
  void finish(bool clean);
  void upstream_lost(const Error& why);
  bool may_ask_again(const Error& why) const;
  void ask_again();
  void fail(const Error& why, http::Limit limit = http::Limit::none);
  void settle_body();
  void settle_reader();
  void reset_state();

  Runtime& runtime_;
  http1::HeadBuffers& head_buffers_;
  const http::Patience& patience_;
  Visitor& visitor_;
  State state_ = State::idle;
  std::shared_ptr<Tunnel> tunnel_;
  Upstream upstream_;
  std::string head_;  // the request's head as it goes upstream; kept until an answer comes, for one more try
  std::string visitor_address_;
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
  bool continue_awaited_ = false;
  bool retried_ = false;
  bool answer_began_ = false;   // any byte of an answer was read
  bool keep_upstream_ = false;  // the answer's head allows another request
  Duration upstream_keeps_{};   // ... as long as the app said
  int interims_ = 0;
  std::size_t head_bytes_ = 0;           // of the answer's heads so far
  std::size_t body_unsent_ = 0;          // bytes of send_body() that on_body_gone() has not told of
  std::size_t answer_held_ = 0;          // bytes of on_answer_data() that were not credited: the visitor is behind
  bool reader_stands_ = false;           // ... and the tunnel knows
  http::Limit gap_ = http::Limit::none;  // what governs a pause in the answer's body
};

}  // namespace tenfold::broker
