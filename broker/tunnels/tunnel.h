// Tunnel: the seam. To the public side a tunnel is "open me a Duplex to the local app";
// whether a classic pool, an agent's link or one day another replica answers, nothing above
// knows.
//
//   tunnel->open(request);                   // see opening.h
//   on_open(upstream)                         // mine, until give_back() or destruction
//   upstream.watch().asked(request);         // see pipe_watch.h
//   Upstream::give_back(upstream, keep);      // at the end of a message, clean: may serve another request
//
// Ownership: the registry holds a tunnel, and each Upstream that is out holds it too (hence
// shared_ptr): a tunnel that was replaced lives until its last request has ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/runtime.h"
#include "broker/tunnels/opening.h"
#include "broker/tunnels/pipe_watch.h"
#include "duplex.h"

namespace tenfold::broker {

class Tunnel;

// A pipe to the local app, on loan from its tunnel. Safe to drop inside the pipe's own
// events.
class Upstream {
 public:
  Upstream() = default;
  Upstream(std::shared_ptr<Tunnel> tunnel, std::unique_ptr<Duplex> pipe, bool reused)
      : tunnel_(std::move(tunnel)), pipe_(std::move(pipe)), reused_(reused) {}
  Upstream(Upstream&&) noexcept = default;
  Upstream& operator=(Upstream&& other) noexcept;
  ~Upstream() { drop(ErrorKind::cancelled); }

  explicit operator bool() const { return pipe_ != nullptr; }
  Duplex* operator->() const { return pipe_.get(); }
  // It served a request before, so it may have died unnoticed: worth one more try elsewhere.
  bool reused() const { return reused_; }

  // A request of this opening is on the pipe; the first byte of its answer came.
  void note_asked(Opening& opening);
  void note_answered(Opening& opening);
  // Its visitor takes nothing of what waits for him, or takes again.
  void note_reader(Opening& opening, bool stands);
  // The pipe was lost; the result is what to make of it: unbegun if the request is to be asked again.
  Error lost(const Error& why) const;
  // Whether the far end says of a kept pipe that ended whether anything was begun.
  bool tells_unbegun() const;
  // The agent is gone, and took the pipe along.
  bool agent_gone() const;
  // Of the way to the agent, as last measured; zero: not known.
  Duration round_trip() const;

  // Cuts the pipe.
  void drop(ErrorKind why);

  // Hands the pipe back for another request, which may be on it when this returns. It must stand between two messages,
  // and its former holder touches it no more. `keep`: how long the app keeps it, as far as is known.
  static void give_back(Upstream upstream, Duration keep = Duration::max());

  // Hands out the pipe, for a splice; the loan itself stays until this object dies.
  std::unique_ptr<Duplex> take_pipe() { return std::move(pipe_); }

 private:
  std::shared_ptr<Tunnel> tunnel_;
  std::unique_ptr<Duplex> pipe_;
  bool reused_ = false;
};

class Tunnel : public std::enable_shared_from_this<Tunnel>, protected PipeWatch::Owner {
 public:
  Tunnel(Runtime& runtime, std::string name)
      : runtime_(runtime), name_(std::move(name)), since_(runtime.now()), watch_(runtime, *this) {}
  virtual ~Tunnel() = default;
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  virtual void open(Opening& opening) = 0;

  // Pipes to the agent side that stand now, idle ones included: `connected_sockets`.
  virtual std::size_t connected() const = 0;

  // Whether an agent stands behind it, so that nobody else can have its name.
  virtual bool has_agent() const { return connected() != 0; }

  // The name has gone to another tunnel, of the same agent or of another one: who waits here, or asks here again, is
  // served there.
  void hand_over(std::shared_ptr<Tunnel> successor, bool same_agent) {
    successor_ = std::move(successor);
    on_handed_over(same_agent);
  }

  // "classic" or "mux", for logs and status.
  virtual const char* kind() const = 0;

  // Where its agent comes from, for the operator: IP:PORT, or an IP.
  virtual std::string_view agent_address() const { return {}; }
  // Visitors who wait for a pipe now.
  virtual std::size_t visitors_waiting() const { return 0; }

  // Ends it by the operator's will, with the code killed or banned: it leaves the registry, its agent is told, and
  // those who wait are turned away. Requests that run on it are the desk's to end.
  virtual void end_by_operator(std::string_view) {}

  // The requests that ended on it, and their bodies' bytes.
  struct Traffic {
    std::uint64_t requests = 0;
    std::uint64_t in = 0;
    std::uint64_t out = 0;
  };
  void note_request(std::uint64_t in, std::uint64_t out) {
    ++traffic_.requests;
    traffic_.in += in;
    traffic_.out += out;
  }
  const Traffic& traffic() const { return traffic_; }
  TimePoint since() const { return since_; }

  const std::string& name() const { return name_; }
  Runtime& runtime() const { return runtime_; }

 protected:
  friend class Upstream;
  // A pipe comes back clean, and is good for `keep`.
  virtual void take_back(std::unique_ptr<Duplex> pipe, Duration keep) = 0;
  // A pipe that was out is gone.
  virtual void on_pipe_gone() = 0;

  // A pipe that was out was lost before the end of an answer. For a tunnel that knows more of it; see Upstream::lost().
  virtual Error on_pipe_lost(const Error& why) { return why; }

  // Whether a request on such a pipe may wait for the app to accept the connection behind it.
  virtual bool may_be_new_to_app(bool reused) const { return !reused; }
  // Whether the far end tells of a kept pipe that ended if anything was begun on it (RFC 9113 8.7).
  virtual bool tells_unbegun() const { return false; }

  // Whether a pipe's end is the agent's, as far as is known from here.
  virtual bool agent_gone() const { return false; }
  virtual Duration round_trip() const { return Duration::zero(); }

  PipeWatch& watch() { return watch_; }
  const PipeWatch& watch() const { return watch_; }

  // Who waits goes to the successor, which open() does for everyone from here on.
  virtual void on_handed_over(bool /*same_agent*/) {}
  Tunnel* successor() const { return successor_.get(); }

 private:
  Runtime& runtime_;
  const std::string name_;
  const TimePoint since_;
  Traffic traffic_;
  std::shared_ptr<Tunnel> successor_;
  PipeWatch watch_;
};

}  // namespace tenfold::broker
