#include "base/timer_queue.h"

#include <algorithm>
#include <cassert>

#include "base/graveyard.h"

namespace tenfold {

Timer::~Timer() {
  if (queue_ != nullptr) queue_->disarm(*this);
}

TimerQueue::~TimerQueue() {
  for (Timer* timer : heap_) timer->queue_ = nullptr;
}

void TimerQueue::arm(Timer& timer, TimePoint due) {
  assert(timer.queue_ == nullptr || timer.queue_ == this);
  if (due == never) return disarm(timer);
  timer.queue_ = this;
  timer.due_ = due;
  if (timer.place_ != Timer::not_queued) {
    if (due >= timer.key_) return;
    timer.key_ = due;
    return sift_up(timer.place_);
  }
  timer.key_ = due;
  heap_.push_back(&timer);
  timer.place_ = heap_.size() - 1;
  sift_up(timer.place_);
}

void TimerQueue::disarm(Timer& timer) {
  timer.due_ = never;
  if (timer.place_ != Timer::not_queued) remove(timer.place_);
  std::replace(fired_.begin(), fired_.end(), &timer, static_cast<Timer*>(nullptr));
  timer.queue_ = nullptr;
}

void TimerQueue::run(TimePoint now, Graveyard* graveyard) {
  now_ = now;
  assert(fired_.empty());
  while (!heap_.empty() && heap_.front()->key_ <= now) {
    Timer* timer = heap_.front();
    if (timer->due_ > now) {
      timer->key_ = timer->due_;
      sift_down(0);
      continue;
    }
    remove(0);
    fired_.push_back(timer);
  }
  for (std::size_t i = 0; i < fired_.size(); ++i) {
    Timer* timer = fired_[i];
    // Null: disarmed by a timer that fired earlier in this run. Queued: armed again by one.
    if (timer == nullptr || timer->place_ != Timer::not_queued) continue;
    timer->due_ = never;
    fired_[i] = nullptr;
    timer->on_timer();
    if (graveyard != nullptr) graveyard->clear();
  }
  fired_.clear();
}

void TimerQueue::place(std::size_t index, Timer* timer) {
  heap_[index] = timer;
  timer->place_ = index;
}

void TimerQueue::sift_up(std::size_t index) {
  Timer* timer = heap_[index];
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (heap_[parent]->key_ <= timer->key_) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, timer);
}

void TimerQueue::sift_down(std::size_t index) {
  Timer* timer = heap_[index];
  for (;;) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->key_ < heap_[child]->key_) ++child;
    if (timer->key_ <= heap_[child]->key_) break;
    place(index, heap_[child]);
    index = child;
  }
  place(index, timer);
}

void TimerQueue::remove(std::size_t index) {
  Timer* gone = heap_[index];
  gone->place_ = Timer::not_queued;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == gone) return;
  place(index, last);
  sift_up(index);
  sift_down(last->place_);
}

}  // namespace tenfold
