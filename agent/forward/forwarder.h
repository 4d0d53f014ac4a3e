// Forwarder: joins one pipe from the broker with the local app. The pipe is a stream of a link, which opens the app at
// once and is reset if it does not answer; or a pooled classic socket, which is idle until a visitor's first byte, and
// serves one visitor after another, each over a connection to the app that is open then (app_pipe.h).
//
//   stream           VisitorPipe, where a flag asks for it -- Splice -- AppPipe -- the app
//   pooled socket    VisitorPipe --------------------------- Splice -- AppPipe -- the app
//                          \__ HttpPass, if there is one, reads both ways __/
//
// Its maker owns it and buries it in on_forwarder_done().
#pragma once

#include <memory>

#include "agent/forward/app_pipe.h"
#include "agent/forward/forwarding.h"
#include "agent/forward/http_pass.h"
#include "agent/forward/request_lines.h"
#include "agent/forward/visitor_pipe.h"
#include "mux/link_stream.h"
#include "splice.h"

namespace tenfold {

class Forwarder final : public Splice::Owner {
 public:
  class Owner {
   public:
    // For a pooled socket, at most once: the server has ended its side while a request is under way. The socket serves
    // no other request, but its answer is awaited.
    virtual void on_forwarder_half_closed(Forwarder&) {}
    // The last event. `why.kind` is none if both directions ended cleanly, or if the agent answered the visitor.
    virtual void on_forwarder_done(Forwarder& forwarder, const Error& why) = 0;

   protected:
    ~Owner() = default;
  };

  Forwarder(Forwarding& forwarding, std::unique_ptr<LinkStream> stream, Owner& owner);
  Forwarder(Forwarding& forwarding, std::unique_ptr<Duplex> pooled, Owner& owner);
  ~Forwarder();

  // Call once.
  void start();

  // For a pooled socket: whether it has carried a request.
  bool visited() const { return visitor_pipe_->visited(); }

  // For a pooled socket: ends when no request is under way; at the earliest in a later turn.
  void leave();

  // Call before its maker destroys it: a request under way is reported as cut.
  void give_up();

 private:
  void on_splice_done(Splice& splice, const Error& why) override;

  void make_pass();
  void on_open(Result<std::unique_ptr<Duplex>> local);
  void join(std::unique_ptr<AppPipe> app);
  void finish(const Error& why);

  Forwarding& forwarding_;
  Owner& owner_;
  std::unique_ptr<RequestLines> lines_;  // of pass_, if requests are printed
  std::unique_ptr<HttpPass> pass_;       // null: bytes are only copied
  std::unique_ptr<Duplex> visitor_;      // until it is joined
  LinkStream* stream_ = nullptr;         // the stream in visitor_, if it is one
  VisitorPipe* visitor_pipe_ = nullptr;  // the outermost pipe, if there is a pass
  AppPipe* app_ = nullptr;               // in splice_
  std::unique_ptr<Dialing> dialing_;
  std::unique_ptr<Splice> splice_;
  bool done_ = false;
};

}  // namespace tenfold
