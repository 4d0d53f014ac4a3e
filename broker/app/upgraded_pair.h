// UpgradedPair: a visitor's connection and the pipe to the app after the app's 101: raw bytes, spliced until both
// directions have ended or no byte has moved for `stream_idle`.
//
// Owned by the request that was upgraded. Pure.
#pragma once

#include <cstdint>
#include <memory>

#include "base/runtime.h"
#include "broker/tunnels/tunnel.h"
#include "http/patience.h"
#include "http/server_stream.h"
#include "splice.h"

namespace tenfold::broker {

class UpgradedPair final : private Splice::Owner, private Timer {
 public:
  class Owner {
   public:
    // The last event: bury the pair. `limit`: the wait that expired.
    virtual void on_upgraded_over(http::Limit limit) = 0;

   protected:
    ~Owner() = default;
  };

  // `early`: received from the app after its 101, not credited.
  UpgradedPair(Runtime& runtime, Duration stream_idle, http::Upgraded visitor, Upstream upstream, Bytes early,
               Owner& owner);

  // Ends both directions in order, behind what is queued.
  void end() { splice_->end(); }

  std::uint64_t from_visitor() const { return splice_->carried_from_left(); }
  std::uint64_t from_app() const { return splice_->carried_from_right(); }

 private:
  void on_splice_done(Splice& splice, const Error& why) override;
  void on_timer() override;
  void over(http::Limit limit);

  Runtime& runtime_;
  const Duration stream_idle_;
  Owner& owner_;
  Upstream loan_;  // the splice owns its pipe
  std::unique_ptr<Splice> splice_;
  std::uint64_t carried_ = 0;  // bytes at the last check
  int idle_looks_ = 0;         // consecutive checks without new bytes
};

}  // namespace tenfold::broker
