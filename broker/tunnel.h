// Tunnel: the seam. To the public side a tunnel is "open me a Duplex to the local app";
// whether a classic pool, an agent's link or one day another replica answers, nothing above
// knows.
//
//   class Exchange : Opening { … };
//   tunnel->open(exchange);            // one of the two events follows, perhaps from inside open()
//   on_open(upstream)                  // mine, until give_back() or destruction
//   Upstream::give_back(upstream);     // at the end of a message, clean: may serve another request
//
// Ownership: the registry holds a tunnel, and each Upstream that is out holds it too (hence
// shared_ptr): a tunnel that was replaced lives until its last request has ended.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/runtime.h"
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

  // Cuts the pipe.
  void drop(ErrorKind why);

  // Hands the pipe back for another request, which may be on it when this returns. It must stand between two messages,
  // and its former holder touches it no more.
  static void give_back(Upstream upstream);

  // Hands out the pipe, for a splice; the loan itself stays until this object dies.
  std::unique_ptr<Duplex> take_pipe() { return std::move(pipe_); }

 private:
  std::shared_ptr<Tunnel> tunnel_;
  std::unique_ptr<Duplex> pipe_;
  bool reused_ = false;
};

// Somebody who wants an upstream. Destroying it, or withdraw(), ends the wait.
class Opening {
 public:
  Opening() = default;
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;

  // IP:PORT of the visitor.
  virtual std::string_view opening_peer() const = 0;
  // How long ago a pipe may have been used to be good for this request. Zero: a pipe that never served one.
  virtual Duration opening_patience() const = 0;
  virtual void on_open(Upstream upstream) = 0;
  // `limit`: too many wait, or it waited too long; `closed`: the agent is away.
  virtual void on_open_failed(const Error& why) = 0;

  void withdraw();

 protected:
  virtual ~Opening() { withdraw(); }

 private:
  friend class WaitingRoom;
  class WaitingRoom* room_ = nullptr;  // where it waits
  Opening* next_ = nullptr;
  Opening* previous_ = nullptr;
  TimePoint give_up_ = never;
};

class Tunnel : public std::enable_shared_from_this<Tunnel> {
 public:
  Tunnel(Runtime& runtime, std::string name) : runtime_(runtime), name_(std::move(name)) {}
  virtual ~Tunnel() = default;
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  virtual void open(Opening& opening) = 0;

  // Pipes to the agent side that stand now, idle ones included: `connected_sockets`.
  virtual std::size_t connected() const = 0;

  // Whether an agent stands behind it, so that nobody else can have its name.
  virtual bool has_agent() const { return connected() != 0; }

  // The name has gone to another tunnel: whoever waits here, or asks here again, is served there.
  void hand_over(std::shared_ptr<Tunnel> successor) {
    successor_ = std::move(successor);
    on_handed_over();
  }

  // "classic" or "mux", for logs and status.
  virtual const char* kind() const = 0;

  const std::string& name() const { return name_; }
  Runtime& runtime() const { return runtime_; }

 protected:
  friend class Upstream;
  // A pipe comes back clean.
  virtual void take_back(std::unique_ptr<Duplex> pipe) = 0;
  // A pipe that was out is gone.
  virtual void on_pipe_gone() = 0;

  // Who waits goes to the successor, which open() does for everyone from here on.
  virtual void on_handed_over() {}
  Tunnel* successor() const { return successor_.get(); }

 private:
  Runtime& runtime_;
  const std::string name_;
  std::shared_ptr<Tunnel> successor_;
};

}  // namespace tenfold::broker
