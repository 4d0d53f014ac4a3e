// Forwarder: one pipe from the broker, joined with a connection of its own to the local app. The pipe is a stream
// of a link, which asks for the app at once and is told when that does not answer; or a pooled
// classic socket, which lies idle until a visitor's first byte, and when the app does not answer gets a small answer of
// ours.
//
// Whoever made it owns it and buries it on on_forwarder_done().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/local_target.h"
#include "agent/status.h"
#include "agent/visitor_pipe.h"
#include "base/runtime.h"
#include "duplex.h"
#include "mux/link_stream.h"
#include "splice.h"

namespace tenfold {

// What all forwarders of an agent share.
struct Forwarding {
  Runtime& runtime;
  LocalTarget& local;
  Status& status;
  std::string local_host;  // empty: no Host is rewritten
  bool print_requests = false;
};

class Forwarder final : private Duplex::Handler, public Splice::Owner {
 public:
  class Owner {
   public:
    // The last event. `why.kind` is none when both ways ended cleanly, or the visitor was answered by us.
    virtual void on_forwarder_done(Forwarder& forwarder, const Error& why) = 0;

   protected:
    ~Owner() = default;
  };

  Forwarder(Forwarding& forwarding, std::unique_ptr<LinkStream> stream, Owner& owner);
  Forwarder(Forwarding& forwarding, std::unique_ptr<Duplex> pooled, Owner& owner);
  ~Forwarder();

  // Once.
  void start();

  // Whether a visitor came by this pipe, to its end or not.
  bool visited() const { return state_ != State::waiting && !unvisited_; }
  // A pooled socket's: nobody has come yet, or the last one was answered at least `quiet` ago.
  bool between_requests(Duration quiet) const;

 private:
  //   waiting -> dialling -> joined -> done     a pooled socket starts in waiting, a stream in dialling
  //              dialling -> refusing -> done   the app does not answer, and the visitor is told so
  enum class State { waiting, dialling, joined, refusing, done };

  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t) override {}
  void on_closed(const Error& why) override;
  void on_splice_done(Splice& splice, const Error& why) override;

  std::unique_ptr<HostRewriter> make_rewriter();
  void dial();
  void on_open(Result<std::unique_ptr<Duplex>> local);
  void refuse(const Error& why);
  void on_linger_over() { finish({}); }
  void finish(const Error& why);

  Forwarding& forwarding_;
  Owner& owner_;
  State state_;
  std::unique_ptr<Duplex> visitor_;  // until it is joined
  LinkStream* stream_ = nullptr;     // the stream in it, if it is one
  VisitorPipe* pipe_ = nullptr;      // the outermost of it, where there is one: always round a pooled socket
  bool unvisited_ = false;           // it was over before a visitor came
  std::vector<std::uint8_t> early_;  // what a pooled socket brought before the app answered
  std::unique_ptr<Dialing> dialing_;
  std::unique_ptr<Splice> splice_;
  MemberTimer<Forwarder, &Forwarder::on_linger_over> linger_{*this};
};

}  // namespace tenfold
