// LinkDriver: moves bytes between a Link and its transport. Frames are gathered once a turn, and only while the
// transport has little queued, so that the order of streams is decided late.
//
//   driver_ = std::make_unique<LinkDriver>(loop, std::move(socket), Link::Role::agent, options, *this);
//   driver_->start(early);               // events come from inside, too
//   driver_->link().send(message);
//   on_link_closed(why) -> bury driver_  // the transport has the GOAWAY by then
#pragma once

#include <memory>

#include "duplex.h"
#include "io/loop.h"
#include "mux/link.h"

namespace tenfold {

class LinkDriver final : private Duplex::Handler, private Deferred, private Link::Handler, private Link::Output {
 public:
  // Takes the transport after its handshake. `early` are bytes after the handshake that were delivered to an earlier
  // handler and not credited. The link's events go to `handler`, except on_link_output().
  LinkDriver(Loop& loop, std::unique_ptr<Duplex> transport, Link::Role role, const LinkOptions& options,
             Link::Handler& handler);
  ~LinkDriver();

  void start(Bytes early);

  Link& link() { return link_; }

 private:
  // The transport's events.
  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t n) override;
  void on_closed(const Error& why) override;

  void on_turn_end() override { flush(); }

  // The link's events.
  void on_link_stream(std::unique_ptr<LinkStream> stream) override;
  void on_control(const control::ControlMessage& message) override;
  void on_link_output() override;
  void on_link_draining() override;
  void on_link_room() override;
  void on_link_closed(const Error& why) override;

  void on_link_bytes(Bytes bytes) override { transport_->write(bytes); }

  void flush();

  Loop& loop_;
  std::unique_ptr<Duplex> transport_;
  Link::Handler& handler_;
  Link link_;
  TimePoint kept_since_ = never;  // since when a part of a write has waited for the path
  TimePoint slow_until_{};        // small writes until then
};

}  // namespace tenfold
