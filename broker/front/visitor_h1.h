// VisitorH1: one visitor's connection over HTTP/1.1: reads requests, has each answered by an exchange or
// by the broker's own site, and renders the answers, in order. Keep-alive, pipelining, chunked
// both ways, HTTP/1.0; after a 101 a splice.
//
// Whom it waits for while a request runs (the app's side is the exchange's): a visitor who owes a part of his body; one
// who takes nothing of his answer; one who has sent FIN and may have left. Nobody who is held back by the other side.
//
// visitor_h1.cc has the way in, visitor_h1_answer.cc the way out and the end.
//
// Owned by the front door; on the loop's thread. Sees a Duplex, not a socket.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/app/exchange.h"
#include "broker/desk/own_site.h"
#include "broker/desk/public_side.h"
#include "broker/desk/reply.h"
#include "duplex.h"
#include "http1/body_framing.h"
#include "http1/head_reader.h"
#include "splice.h"

namespace tenfold::broker {

class VisitorH1 final : private Duplex::Handler, private Exchange::Visitor, private Splice::Owner, private Timer {
 public:
  class Owner {
   public:
    // The last event: bury the visitor.
    virtual void on_visitor_closed(VisitorH1& visitor) = 0;
    // The connection is an agent's link from here: 101 has been written. `early`: bytes behind the request,
    // not credited. on_visitor_closed() follows.
    virtual void on_link(VisitorH1& visitor, std::unique_ptr<Duplex> connection, LinkGrant grant, Bytes early) = 0;

   protected:
    ~Owner() = default;
  };

  // `address`: the peer's IP:PORT, `ip` its IP alone. `scheme`: of the listener.
  VisitorH1(PublicSide& side, Owner& owner, std::unique_ptr<Duplex> connection, std::string address, std::string ip,
            std::string_view scheme);
  ~VisitorH1();

  void start();

  // Finishes the request that runs or is on its way, then closes; at once when none does.
  void drain();

  // The time for that is over: an upgraded connection ends both ways in order, anything else is cut behind what it has
  // already. Returns whether it was an upgraded one.
  bool end_now();

  const std::string& ip() const { return ip_; }
  const std::string& address() const { return address_; }

 private:
  //   idle -> reading -> exchanging -> idle …
  //                          |-> spliced -> closed
  //                          '-> cutting -> closed
  //            any -> lingering -> closed
  enum class State {
    idle,        // between requests
    reading,     // part of a head is here
    exchanging,  // a request runs
    lingering,   // our last word is said; what still comes is thrown away, so that an RST does not eat that word
    cutting,     // the answer broke off: what came of it goes, then the connection is reset
    spliced,     // raw bytes after a 101
    closed,
  };

  // Whom the timer of a running request counts for.
  enum class Awaited : std::uint8_t {
    nobody,
    sender,  // owes a part of his request
    reader,  // has not taken what is written to him
    leaver,  // has sent FIN behind his request
  };

  // Duplex::Handler, of the visitor's connection
  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t n) override;
  void on_closed(const Error& why) override;

  // Exchange::Visitor
  void on_body_wanted() override;
  void on_body_gone(std::size_t n) override;
  void on_interim(const http::ResponseHead& head) override;
  void on_answer(const http::ResponseHead& head, http1::Framing framing) override;
  void on_answer_data(Bytes bytes) override;
  void on_answer_end(const http::Fields& trailers) override;
  void on_switched(const http::ResponseHead& head, Upstream upstream, Bytes early) override;
  void on_failed(const Error& why, http::Limit limit) override;

  void on_splice_done(Splice& splice, const Error& why) override;
  void on_timer() override;

  void process_held();
  std::size_t process(Bytes bytes);
  std::size_t read_body(Bytes bytes);
  void on_request(Bytes rest);
  void on_own_request(const OwnRequest& request, Bytes rest);
  void to_tunnel(http1::Framing framing, std::string_view target, std::string_view host);
  void become_link(LinkGrant grant, Bytes rest);
  void reply(const Reply& answer, bool close);
  void trouble(const Trouble& trouble, bool close);
  void refuse(const http::Fault& fault, http::Limit limit = http::Limit::none);
  void request_done();
  void settle_answer();
  Awaited awaited_now() const;
  // Counts from now on for who is awaited now, if that is another one or `moved`.
  void await_visitor(Awaited moved = Awaited::nobody);
  void on_waited_enough();
  http::Limit body_limit() const;
  void log_cut(http::Limit limit);
  Duration keep_alive() const { return from_proxy_ ? side_.keep_alive_proxy : side_.patience.keep_alive; }
  void linger();
  void arm_linger();
  void cut_request();
  void cut();
  void reset();
  void report_closed();

  PublicSide& side_;
  Owner& owner_;
  std::unique_ptr<Duplex> connection_;
  const std::string address_;
  const std::string ip_;
  const std::string_view scheme_;
  const bool from_proxy_;  // a listed one
  State state_ = State::idle;
  Awaited awaited_ = Awaited::nobody;
  http1::HeadReader reader_{http1::HeadReader::Kind::request, &side_.head_buffers};
  http1::BodyReader body_;
  Exchange exchange_;
  Route route_;
  ByteQueue held_;  // bytes not looked at yet: pipelined requests, a body whose upstream is not open; not credited
  std::string request_id_;
  std::unique_ptr<Splice> splice_;  // when spliced
  Upstream loan_;                   // ... the pipe's
  std::uint64_t carried_ = 0;       // ... bytes when last looked at
  int idle_looks_ = 0;              // ... how often in a row there were no more
  TimePoint linger_until_{};        // when lingering
  std::size_t answer_unsent_ = 0;   // bytes of the answer's body not yet gone, so not credited
  http1::Framing::Kind answer_framing_ = http1::Framing::Kind::none;
  bool processing_ = false;     // process() is on the stack
  bool body_wanted_ = false;    // the exchange takes the body now
  bool request_whole_ = false;  // all of the request was read
  bool answer_begun_ = false;   // a final head went out: failures are cuts from here
  bool ended_ = false;          // the visitor's FIN was heard
  bool draining_ = false;       // no further request
  bool keep_ = false;           // the connection may serve another request
};

}  // namespace tenfold::broker
