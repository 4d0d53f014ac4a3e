#include "io/loop.h"

#include <malloc.h>
#include <uv.h>

#include <array>
#include <cassert>
#include <csignal>
#include <utility>

namespace tenfold {
namespace {

// A deadline missed by this much means that the loop or the host stood still.
constexpr Duration late = 1s;

}  // namespace

// The parts of a turn in uv_run(), in order:
//
//   timer    deadlines that have passed
//   idle     what they deferred. While it is active, libuv does not sleep: the first
//            defer() starts it, and it stops when nothing is deferred
//   prepare  sets the timer to the next deadline; with spare blocks, also the timer that frees them
//   (sleep, then the sockets' events)
//   check    what those deferred, before the next sleep
struct Loop::Handles {
  uv_loop_t loop;
  uv_timer_t timer;
  uv_idle_t idle;
  uv_prepare_t prepare;
  uv_check_t check;
  uv_async_t wake;  // for post()
  uv_timer_t tidy;  // active while there are spare blocks; does not keep the loop running

  struct Signal {
    uv_signal_t handle;
    Loop* loop;
    std::function<void()> on_signal;
  };
  std::vector<std::unique_ptr<Signal>> signals;

  std::array<uv_handle_t*, 6> all() {
    return {reinterpret_cast<uv_handle_t*>(&timer),   reinterpret_cast<uv_handle_t*>(&idle),
            reinterpret_cast<uv_handle_t*>(&prepare), reinterpret_cast<uv_handle_t*>(&check),
            reinterpret_cast<uv_handle_t*>(&wake),    reinterpret_cast<uv_handle_t*>(&tidy)};
  }
};

Deferred::~Deferred() {
  if (loop_ == nullptr) return;
  (previous_ == nullptr ? loop_->first_deferred_ : previous_->next_) = next_;
  (next_ == nullptr ? loop_->last_deferred_ : next_->previous_) = previous_;
  --loop_->deferred_;
}

Loop::Loop(Log& log)
    : timers_(std::chrono::steady_clock::now()),
      runtime_{blocks_, timers_, graveyard_, log},
      parting_sockets_(timers_),
      handles_(std::make_unique<Handles>()),
      read_room_(new std::uint8_t[limits::read_at_once]),
      write_room_(new std::uint8_t[limits::flush_bulk]) {
  // libuv writes with write(2) and sendmsg(2) without MSG_NOSIGNAL: a peer that has closed must only cause an error of
  // that socket.
  std::signal(SIGPIPE, SIG_IGN);
  start_handles();
}

Loop::~Loop() {
  graveyard_.clear();
  while (first_deferred_ != nullptr) std::exchange(first_deferred_, first_deferred_->next_)->loop_ = nullptr;
  for (uv_handle_t* handle : handles_->all()) uv_close(handle, nullptr);
  for (const auto& signal : handles_->signals) uv_close(reinterpret_cast<uv_handle_t*>(&signal->handle), nullptr);
  uv_walk(
      &handles_->loop,
      [](uv_handle_t* handle, void*) {
        assert(uv_is_closing(handle) && "a socket or listener outlives its loop");
        static_cast<void>(handle);
      },
      nullptr);
  while (uv_run(&handles_->loop, UV_RUN_DEFAULT) != 0) {
  }
  [[maybe_unused]] const int left = uv_loop_close(&handles_->loop);
  assert(left == 0);
}

void Loop::start_handles() {
  Handles& h = *handles_;
  [[maybe_unused]] const int failed = uv_loop_init(&h.loop);
  assert(failed == 0);
  h.loop.data = this;

  uv_timer_init(&h.loop, &h.timer);
  uv_idle_init(&h.loop, &h.idle);
  uv_prepare_init(&h.loop, &h.prepare);
  uv_check_init(&h.loop, &h.check);
  uv_timer_init(&h.loop, &h.tidy);
  uv_async_init(&h.loop, &h.wake, [](uv_async_t* handle) { static_cast<Loop*>(handle->data)->run_posted(); });
  for (uv_handle_t* handle : h.all()) handle->data = this;

  uv_prepare_start(&h.prepare, [](uv_prepare_t* handle) {
    Loop& loop = *static_cast<Loop*>(handle->data);
    loop.rearm_timer();
    loop.drop_spare_blocks_later();
  });
  uv_check_start(&h.check, [](uv_check_t* handle) {
    Loop& loop = *static_cast<Loop*>(handle->data);
    // Deadlines that are due now run in this turn, so that their output leaves with the rest.
    if (std::exchange(loop.late_, false) || loop.timers_.next() <= loop.timers_.now()) loop.run_timers();
    loop.run_deferred();
    loop.rearm_timer();
  });
  for (uv_handle_t* handle : h.all()) {
    if (handle->type == UV_PREPARE || handle->type == UV_CHECK || handle->type == UV_ASYNC) uv_unref(handle);
  }
  uv_unref(reinterpret_cast<uv_handle_t*>(&h.tidy));
}

uv_loop_s* Loop::uv() { return &handles_->loop; }

void Loop::run() {
  do {
    run_posted();
    rearm_timer();
    if (!stopped_) uv_run(&handles_->loop, UV_RUN_DEFAULT);
  } while (!stopped_ && something_waits());
  stopped_ = false;
}

void Loop::stop() {
  stopped_ = true;
  uv_stop(&handles_->loop);
}

bool Loop::something_waits() {
  if (deferred_ != 0 || timers_.next() != never || uv_loop_alive(&handles_->loop) != 0) return true;
  const std::lock_guard lock(posted_mutex_);
  return !posted_.empty();
}

void Loop::post(std::function<void()> task) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(task));
  }
  uv_async_send(&handles_->wake);
}

void Loop::run_posted() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(posted_mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) {
    const Callback callback(*this);
    task();
    task = nullptr;
  }
}

void Loop::defer(Deferred& work) {
  if (work.loop_ != nullptr) return;
  if (deferred_++ == 0)
    uv_idle_start(&handles_->idle, [](uv_idle_t* handle) { static_cast<Loop*>(handle->data)->run_deferred(); });
  work.loop_ = this;
  work.previous_ = last_deferred_;
  work.next_ = nullptr;
  (last_deferred_ == nullptr ? first_deferred_ : last_deferred_->next_) = &work;
  last_deferred_ = &work;
}

// Work deferred from inside waits for the next round: first links gather their frames, then TLS makes records of them,
// then sockets write those. After a number of rounds new events are handled in between.
void Loop::run_deferred() {
  constexpr int rounds = 4;
  for (int round = 0; round < rounds && deferred_ != 0; ++round) {
    for (std::size_t left = deferred_; left != 0 && first_deferred_ != nullptr; --left) {
      const Callback callback(*this);
      Deferred* work = first_deferred_;
      first_deferred_ = work->next_;
      (first_deferred_ == nullptr ? last_deferred_ : first_deferred_->previous_) = nullptr;
      --deferred_;
      work->loop_ = nullptr;
      work->on_turn_end();
    }
  }
  if (deferred_ == 0) uv_idle_stop(&handles_->idle);
}

void Loop::rearm_timer() {
  const TimePoint next = timers_.next();
  if (next == armed_for_) return;
  armed_for_ = next;
  if (next == never) {
    uv_timer_stop(&handles_->timer);
    return;
  }
  // libuv counts whole milliseconds of the same clock. Rounded up, the deadline has passed when the timer fires. A
  // deadline already due fires before the next wait.
  const auto due = std::chrono::ceil<std::chrono::milliseconds>(next.time_since_epoch()).count();
  const auto now = static_cast<std::int64_t>(uv_now(&handles_->loop));
  const auto delay = static_cast<std::uint64_t>(next > timers_.now() && due > now ? due - now : 0);
  uv_timer_start(
      &handles_->timer,
      [](uv_timer_t* handle) {
        Loop& loop = *static_cast<Loop*>(handle->data);
        loop.armed_for_ = never;
        // The process stood still: events that arrived meanwhile are handled before deadlines expire.
        if (loop.timers_.next() < std::chrono::steady_clock::now() - late) {
          loop.late_ = true;
        } else {
          loop.run_timers();
        }
      },
      delay, 0);
}

// A heap returns only the pages at its end, and some small allocation usually lies behind the free ones.
void Loop::drop_spare_blocks_later() {
  uv_timer_t& tidy = handles_->tidy;
  if (blocks_.spare_blocks() == 0 || uv_is_active(reinterpret_cast<uv_handle_t*>(&tidy)) != 0) return;
  uv_timer_start(
      &tidy,
      [](uv_timer_t* handle) {
        if (static_cast<Loop*>(handle->data)->blocks_.drop_unused() != 0) malloc_trim(0);
      },
      std::chrono::duration_cast<std::chrono::milliseconds>(limits::spare_time).count(), 0);
}

void Loop::run_timers() {
  const Callback callback(*this);
  timers_.run(timers_.now(), &graveyard_);
}

void Loop::watch_signal(int signum, std::function<void()> on_signal) {
  auto signal = std::make_unique<Handles::Signal>(Handles::Signal{{}, this, std::move(on_signal)});
  uv_signal_init(&handles_->loop, &signal->handle);
  signal->handle.data = signal.get();
  uv_signal_start(
      &signal->handle,
      [](uv_signal_t* handle, int) {
        auto& watched = *static_cast<Handles::Signal*>(handle->data);
        const Callback callback(*watched.loop);
        watched.on_signal();
      },
      signum);
  uv_unref(reinterpret_cast<uv_handle_t*>(&signal->handle));
  handles_->signals.push_back(std::move(signal));
}

Loop::Callback::Callback(Loop& loop) : loop_(loop) {
  assert(!loop.in_callback_ && "libuv calls back from its own loop only");
  loop.in_callback_ = true;
  loop.timers_.set_now(std::chrono::steady_clock::now());
}

Loop::Callback::~Callback() {
  loop_.graveyard_.clear();
  loop_.in_callback_ = false;
}

MutableBytes Loop::read_room() { return {read_room_.get(), limits::read_at_once}; }

MutableBytes Loop::write_room() { return {write_room_.get(), limits::flush_bulk}; }

}  // namespace tenfold
