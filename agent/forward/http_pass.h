// HttpPass: what passes through one pipe, read as HTTP/1.1 in both directions. It says whose turn it is, reports each
// request, and changes heads where a flag asks for it (--local-host, --no-keep-alive): `lt` replaces the first Host on
// each socket only; a pipe carries many requests.
//
//   while (!in.empty()) {                      // from the visitor
//     const HttpPass::Step step = pass.next(in);
//     if (step.taken == 0) break;              // failed(), or it holds() until the app has answered
//     forward(step.out);                       // a view into `in` or into the pass, until the next call
//     in = in.subspan(step.taken);
//   }
//   forward(in.first(pass.on_answer(in)));     // from the app; what is left over is no part of an answer
//
// Where no head is changed it only looks on: every byte passes as it came, and what cannot be read makes the pipe
// opaque, which is no error. Where heads are changed, a request that cannot be read fails, for a wrong Host would go
// on.
//
// A request that asks for another protocol (Upgrade, CONNECT) is where HTTP may end: after a 101 (or a 2xx to CONNECT)
// the pipe is opaque. Where heads are changed, what is behind such a request waits until the app has answered.
//
// Pure; holds one head of each direction at most, and a line for each request that is not answered.
#pragma once

#include <string>
#include <vector>

#include "agent/rules.h"
#include "base/bytes.h"
#include "base/time.h"
#include "http1/body_framing.h"
#include "http1/head_reader.h"

namespace tenfold {

class HttpPass {
 public:
  // A request whose answer has not ended.
  struct Asked {
    std::string method;
    std::string target;   // the first rules::printed_target bytes
    std::string accept;   // the first rules::accept_kept bytes of its first Accept
    std::string visitor;  // the observer's, as the next one
    TimePoint begun{};
  };
  // How that answer ended.
  struct Answered {
    enum class End {
      whole,    // or the other protocol that was asked for began
      cut,      // before its end, or before it came
      unknown,  // the pipe is opaque: what is known of it may be wrong
    };
    int status = 0;           // 0: no answer came
    std::uint64_t bytes = 0;  // of its body
    End end = End::whole;
  };

  class Observer {
   public:
    // A request's head is whole.
    virtual void on_request(const http::RequestHead& head, Asked& asked) = 0;
    virtual void on_answered(const Asked& asked, const Answered& answered) = 0;

   protected:
    ~Observer() = default;
  };

  // What every request's head gets.
  struct Changes {
    std::string host;    // the new Host; empty: as it is
    bool close = false;  // Connection: close, but where another protocol is asked for
    bool tls = false;    // the app is served by https: for the Origin that goes with the new Host

    bool any() const { return close || !host.empty(); }
  };

  // `observer` may be null, and outlives the pass.
  HttpPass(Changes changes, Observer* observer);

  struct Step {
    std::size_t taken = 0;  // bytes of `in` used up
    Bytes out;              // to pass on
  };
  Step next(Bytes in);

  bool failed() const { return state_ == State::failed; }
  const http::Fault& fault() const { return fault_; }
  // Whether what comes from the visitor has to wait for on_answer().
  bool holds() const { return state_ == State::waiting; }

  // Reads what the app sends; returns how many bytes are its answers'. The rest answers nothing: an app that times out
  // on an idle connection says so, and careless ones send a body behind an answer that has none.
  std::size_t on_answer(Bytes bytes);
  // The app has ended its side, which may be the end of its answer.
  void on_app_end();
  // The pipe is over: what was not answered whole is cut.
  void on_over();

  //   between -> request -> answer -> between                 a request after the other
  //                         answer, until_close -> over       the last one of this connection
  //   any -> opaque                                           another protocol, or nothing that can be read
  enum class Turn {
    between,      // no request is under way, and the app's connection may carry another
    request,      // one has begun, and no byte of its final answer has come
    answer,       // its answer comes, and has an end of its own
    until_close,  // its answer ends with the connection
    over,         // answered, and the connection is not for another request
    opaque,
  };
  Turn turn() const;

  // The oldest request whose answer has not ended, or null; of an opaque pipe none is known.
  const Asked* asked() const { return asked_.empty() || opaque_ ? nullptr : &asked_.front(); }

  // What came of the body of its answer.
  std::uint64_t answer_bytes() const { return answered_.bytes; }

  // Whether it is the app who has to go on: the oldest request is with it, whole or up to its `Expect: 100-continue`,
  // and no byte of an answer has come, or interim ones alone.
  bool awaits_app() const;

 private:
  //   head <-> body -> head     a request after the other
  //   body -> waiting           it asks for another protocol, and heads are changed; on_answer() leads to raw or head
  enum class State { head, body, waiting, raw, failed };
  enum class Switch { nothing, upgrade, connect };

  struct Request : Asked {
    Switch wants = Switch::nothing;  // and the app has not decided yet
    bool to_head = false;
    bool closes = false;           // the visitor's side says that it is the last one
    bool awaits_continue = false;  // its body comes after a 100
  };

  static Request describe(const http::RequestHead& head);
  // Whether the last request asks for another protocol, and the app has not answered.
  bool undecided() const { return !asked_.empty() && asked_.back().wants != Switch::nothing; }
  Step on_head(Bytes in, std::size_t taken);
  void expect_answer(Request request);
  void on_request_end();
  void write_head(const http::RequestHead& head, bool closes);
  // Of an Origin or Referer: the same value with the app's own origin in place of the visitor's.
  std::string own_origin(std::string_view value, std::string_view visitor_host) const;
  Step fail(const http::Fault& fault, Bytes in);

  void on_answer_head();
  void on_answer_end();
  void on_declined();
  void go_opaque();
  void tell_first(Answered::End end);
  void tell_all(Answered::End end);

  const Changes changes_;
  Observer* observer_;
  State state_ = State::head;
  http1::HeadBuffers buffers_;
  http1::HeadReader request_{http1::HeadReader::Kind::forwarded, &buffers_};
  http1::BodyReader body_;
  http::Fault fault_;
  std::string head_;  // the changed head

  std::vector<Request> asked_;  // oldest first: whose head was read and whose answer, which is read too, has not ended
  http1::HeadReader answer_{http1::HeadReader::Kind::response, &buffers_};
  http1::BodyReader answer_body_;
  bool in_answer_body_ = false;
  Answered answered_;         // of the oldest request, as far as it has come
  bool first_told_ = false;   // ... and its end was told
  bool until_close_ = false;  // its body ends with the connection
  bool served_ = false;       // one answer has ended
  bool over_ = false;         // the app's connection carries no other request
  bool opaque_ = false;       // once for good: it is not known whose turn it is
  bool reads_answers_ = true;
};

}  // namespace tenfold
