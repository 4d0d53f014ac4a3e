// Opening: a request that wants a pipe of a tunnel, waits for it, and holds it. Lists of them are how a tunnel knows
// who is next, whose request the app has not answered yet, and who takes nothing of his answer: an opening stands in at
// most one.
//
//   class AppRequest : Opening { … };
//   tunnel->open(request);   // one of the two events follows, perhaps from inside open()
//   on_open(upstream)         // mine, until give_back() or destruction
//
// Owned by who wants the pipe. Destroying it, or withdraw(), takes it out of its list.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace tenfold::broker {

class OpeningList;
class Upstream;

class Opening {
 public:
  Opening() = default;
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;

  // IP:PORT of the visitor; empty: he came by a unix socket.
  virtual std::string_view opening_peer() const = 0;
  // Whether only a pipe that never served a request will do.
  virtual bool opening_wants_fresh() const = 0;
  virtual void on_open(Upstream upstream) = 0;
  // `limit`: too many wait, or it waited too long; `closed`: the agent is away.
  virtual void on_open_failed(const Error& why) = 0;
  // Its visitor takes nothing, and somebody else waits for the pipe: cut it.
  virtual void on_evicted() = 0;

  void withdraw();

 protected:
  virtual ~Opening() { withdraw(); }

 private:
  friend class OpeningList;
  OpeningList* list_ = nullptr;  // in which it stands
  Opening* next_ = nullptr;
  Opening* previous_ = nullptr;
  TimePoint time_{};  // what its list counts from, or to
};

// In the order of their coming. Borrows its members, who take themselves out.
class OpeningList {
 public:
  OpeningList() = default;
  ~OpeningList();
  OpeningList(const OpeningList&) = delete;
  OpeningList& operator=(const OpeningList&) = delete;

  // Into this list, out of any other.
  void push_back(Opening& opening, TimePoint time);
  // Where it stood: with the time that it had.
  void push_front(Opening& opening);
  // The first, out of the list now; null when there is none.
  Opening* pop_front();

  bool has(const Opening& opening) const { return opening.list_ == this; }
  bool empty() const { return first_ == nullptr; }
  std::size_t size() const { return size_; }
  Opening* front() const { return first_; }
  // Of the first; there must be one.
  TimePoint front_time() const { return first_->time_; }

 private:
  friend class Opening;
  void remove(Opening& opening);

  Opening* first_ = nullptr;
  Opening* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tenfold::broker
