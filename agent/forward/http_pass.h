// HttpPass: parses the bytes of one pipe as HTTP/1.1 in both directions. It tracks whose turn it is, reports each
// request, and changes heads if a flag asks for it (--local-host, --no-keep-alive): `lt` replaces only the first Host
// on each socket, but a pipe carries many requests.
//
//   while (!in.empty()) {                      // from the visitor
//     const HttpPass::Step step = pass.next(in);
//     if (step.taken == 0) break;              // failed(), or it holds() until the app has answered
//     forward(step.out);                       // a view into `in` or into the pass, until the next call
//     in = in.subspan(step.taken);
//   }
//   forward(in.first(pass.on_answer(in)));     // from the app; what is left over is no part of an answer
//
// If no head is changed it only observes: every byte passes unchanged, and bytes that cannot be parsed make the pipe
// opaque, which is no error. If heads are changed, a request that cannot be parsed fails, since it would pass with a
// wrong Host.
//
// HTTP may end after a request for another protocol (Upgrade, CONNECT): after a 101 (or a 2xx to CONNECT) the pipe is
// opaque. If heads are changed, bytes after such a request wait until the app has answered.
//
// Pure; holds at most one head of each direction, and a record for each unanswered request.
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
  // A request whose answer is not complete.
  struct Asked {
    std::string method;
    std::string target;   // the first rules::printed_target bytes
    std::string accept;   // the first rules::accept_kept bytes of its first Accept
    std::string visitor;  // set by the observer, like the next one
    TimePoint begun{};
  };
  // How that answer ended.
  struct Answered {
    enum class End {
      whole,    // or the requested protocol began
      cut,      // before it was complete, or before it came
      unknown,  // the pipe is opaque: the facts may be wrong
    };
    int status = 0;           // 0: no answer came
    std::uint64_t bytes = 0;  // of its body
    End end = End::whole;
  };

  class Observer {
   public:
    // A request's head is complete.
    virtual void on_request(const http::RequestHead& head, Asked& asked) = 0;
    virtual void on_answered(const Asked& asked, const Answered& answered) = 0;

   protected:
    ~Observer() = default;
  };

  // The changes to every request's head.
  struct Changes {
    std::string host;    // the new Host; empty: unchanged
    bool close = false;  // Connection: close, except for a request for another protocol
    bool tls = false;    // the app is an https one: the Origin that goes with the new Host is https, too

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
  // Whether bytes from the visitor have to wait for on_answer().
  bool holds() const { return state_ == State::waiting; }

  // Reads the app's bytes; returns how many belong to answers. The rest answers no request: some apps announce a
  // timeout on an idle connection, or send a body after an answer that has none.
  std::size_t on_answer(Bytes bytes);
  // The app has ended its side, which may end its answer.
  void on_app_end();
  // The pipe is over: incomplete answers are cut.
  void on_over();

  //   between -> request -> answer -> between                 one request after another
  //                         answer, until_close -> over       the last one of this connection
  //   any -> opaque                                           another protocol, or nothing that can be read
  enum class Turn {
    between,      // no request is under way, and the app's connection may carry another
    request,      // a request has begun, and no byte of its final answer has come
    answer,       // its answer is coming, with an end of its own
    until_close,  // its answer ends with the connection
    over,         // answered, and the connection carries no other request
    opaque,
  };
  Turn turn() const;

  // The oldest request whose answer is not complete, or null; always null for an opaque pipe.
  const Asked* asked() const { return asked_.empty() || opaque_ ? nullptr : &asked_.front(); }

  // The bytes of its answer's body so far.
  std::uint64_t answer_bytes() const { return answered_.bytes; }

  // Whether the app has to act next: it has the oldest request, complete or up to its `Expect: 100-continue`, and has
  // sent no byte of an answer, or only interim ones.
  bool awaits_app() const;

 private:
  //   head <-> body -> head     one request after another
  //   body -> waiting           it asks for another protocol, and heads are changed; on_answer() leads to raw or head
  enum class State { head, body, waiting, raw, failed };
  enum class Switch { nothing, upgrade, connect };

  struct Request : Asked {
    Switch wants = Switch::nothing;  // and the app has not answered yet
    bool to_head = false;
    bool closes = false;           // the visitor's side declares it the last one
    bool awaits_continue = false;  // its body follows a 100
  };

  static Request describe(const http::RequestHead& head);
  // Whether the last request asks for another protocol, and the app has not answered.
  bool undecided() const { return !asked_.empty() && asked_.back().wants != Switch::nothing; }
  Step on_head(Bytes in, std::size_t taken);
  void expect_answer(Request request);
  void on_request_end();
  void write_head(const http::RequestHead& head, bool closes);
  // The value of an Origin or Referer, with the visitor's origin replaced by the app's own.
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

  std::vector<Request> asked_;  // oldest first: requests whose head was read and whose answer is not complete
  http1::HeadReader answer_{http1::HeadReader::Kind::response, &buffers_};
  http1::BodyReader answer_body_;
  bool in_answer_body_ = false;
  Answered answered_;         // of the oldest request, so far
  bool first_told_ = false;   // ... and its end was reported
  bool until_close_ = false;  // its body ends with the connection
  bool served_ = false;       // one answer is complete
  bool over_ = false;         // the app's connection carries no other request
  bool opaque_ = false;       // permanent: it is unknown whose turn it is
  bool reads_answers_ = true;
};

}  // namespace tenfold
