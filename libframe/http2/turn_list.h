// TurnList: the order in which streams send. Deficit round robin (Shreedhar and Varghese, 1995): the one at the front
// gets a quantum of bytes added to its unused rest, sends while its next frame fits, and goes to the back. One with
// nothing to send leaves, and its rest lapses.
//
//   if (TurnList::idle(t)) list.push_back(t);   // it has something to send
//   Turn& t = *list.front();
//   list.begin(t, quantum);                // harmless when its turn has begun already
//   t.deficit -= sent;                     // for each frame
//   list.rotate(t);                        // or list.remove(t): nothing left to send
//
// Intrusive, and owns nothing: a Turn is a base class of each member, which must leave before it is destroyed.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

namespace tenfold {

struct Turn {
  Turn* before = nullptr;
  Turn* behind = nullptr;
  std::uint32_t deficit = 0;  // bytes that may still be sent in this turn, or were left from the last
  bool begun = false;         // the quantum of this turn was added
};

class TurnList {
 public:
  TurnList() { ring_.before = ring_.behind = &ring_; }
  TurnList(const TurnList&) = delete;
  TurnList& operator=(const TurnList&) = delete;

  bool empty() const { return ring_.behind == &ring_; }
  Turn* front() const { return empty() ? nullptr : ring_.behind; }
  static bool idle(const Turn& turn) { return turn.behind == nullptr; }

  void push_back(Turn& turn) { insert(turn, *ring_.before); }
  void push_front(Turn& turn) { insert(turn, ring_); }

  static void begin(Turn& turn, std::size_t quantum) {
    if (turn.begun) return;
    turn.begun = true;
    turn.deficit += static_cast<std::uint32_t>(quantum);
  }

  // Ends its turn: it goes to the back and keeps its unused bytes.
  void rotate(Turn& turn) {
    unlink(turn);
    turn.begun = false;
    push_back(turn);
  }

  static void remove(Turn& turn) {
    if (idle(turn)) return;
    unlink(turn);
    turn.begun = false;
    turn.deficit = 0;
  }

 private:
  static void insert(Turn& turn, Turn& after) {
    assert(idle(turn));
    turn.before = &after;
    turn.behind = after.behind;
    after.behind->before = &turn;
    after.behind = &turn;
  }
  static void unlink(Turn& turn) {
    turn.before->behind = turn.behind;
    turn.behind->before = turn.before;
    turn.before = turn.behind = nullptr;
  }

  Turn ring_;  // its front and back are the list's
};

}  // namespace tenfold
