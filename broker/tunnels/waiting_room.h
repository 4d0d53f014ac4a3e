// WaitingRoom: visitors of one tunnel who wait for a pipe, first come first served, so many at
// most and no longer than a while each.
#pragma once

#include <cstddef>

#include "base/limits.h"
#include "base/runtime.h"
#include "broker/tunnels/opening.h"

namespace tenfold::broker {

class WaitingRoom {
 public:
  explicit WaitingRoom(Runtime& runtime) : runtime_(runtime) {}
  ~WaitingRoom() { turn_away({ErrorKind::closed, "the tunnel is gone", Origin::agent}); }

  // Takes the opening in, or tells it at once that the room is full.
  void enter(Opening& opening);

  // The one who waited longest, out of the room now; null when nobody does.
  Opening* next() { return waiting_.pop_front(); }

  // Whom next() gave goes in again where it stood, for as long as it had left.
  void put_back(Opening& opening);

  // Everybody, with the same answer.
  void turn_away(const Error& why);

  std::size_t size() const { return waiting_.size(); }

 private:
  void on_timeout();

  Runtime& runtime_;
  OpeningList waiting_;                                              // each with the time when it gives up
  MemberTimer<WaitingRoom, &WaitingRoom::on_timeout> timer_{*this};  // for the first: all wait equally long
};

}  // namespace tenfold::broker
