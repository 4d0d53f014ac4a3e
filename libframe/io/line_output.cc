#include "io/line_output.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <utility>

#include "base/limits.h"

namespace tenfold {
namespace {

constexpr std::size_t kept_capacity = 16 * limits::KiB;  // capacity of a batch that is kept for the next one

// After a batch the writer checks for more lines for this long before it sleeps: waking a thread costs the caller more
// than writing a line, and lines come in groups.
constexpr Duration linger = 1ms;

std::uint64_t lines_of(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

// Whole lines from the front, as many as one write(2) to a pipe keeps together; at least one.
std::string_view front_lines(std::string_view text) {
  if (text.size() <= PIPE_BUF) return text;
  std::size_t end = text.rfind('\n', PIPE_BUF - 1);
  if (end == std::string_view::npos) end = text.find('\n');
  return text.substr(0, end + 1);
}

}  // namespace

class LineOutput::Writer {
 public:
  Writer(int fd, DroppedLine dropped_line, std::size_t most)
      : dropped_line_(std::move(dropped_line)), most_(most), fd_(fd) {}
  ~Writer() {
    if (owns_fd_) ::close(fd_);
    if (next_fd_ >= 0) ::close(next_fd_);
  }

  // ---- The owner's thread ----

  void add(std::string_view line, Room room) {
    const std::size_t most = most_ + (room == Room::reserved ? limits::output_reserved : 0);
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      // After a drop, later lines are dropped too until the writer has reached the gap: it reports the gap there, once.
      const bool dropping = dropped_ != 0 && room == Room::common;
      if (dropping || queued_ + line.size() + 1 > most) {
        dropped_ += lines_of(line) + 1;
        lost_ever_ += lines_of(line) + 1;
      } else {
        pending_ += line;
        pending_ += '\n';
        queued_ += line.size() + 1;
      }
      wake = waits_ || (lingers_ && pending_.size() > kept_capacity);
      if (wake) waits_ = lingers_ = false;
    }
    if (wake) news_.notify_one();
  }

  void switch_to(int fd) {
    {
      const std::lock_guard lock(mutex_);
      if (next_fd_ >= 0) ::close(next_fd_);
      next_fd_ = fd;
      waits_ = lingers_ = false;
    }
    news_.notify_one();
  }

  std::uint64_t lost() {
    const std::lock_guard lock(mutex_);
    return lost_ever_;
  }

  bool flush() {
    const auto last = std::chrono::steady_clock::now() + limits::output_flush_time;
    news_.notify_one();
    std::unique_lock lock(mutex_);
    // A flush that gave up does not wait again for a reader that has taken nothing since.
    for (bool taken = !gave_up_ || written_ != written_then_; taken && !done();) {
      written_then_ = written_;
      const auto until = std::min(last, std::chrono::steady_clock::now() + limits::output_stalled);
      done_.wait_until(lock, until, [this] { return done(); });
      taken = written_ != written_then_ && std::chrono::steady_clock::now() < last;
    }
    gave_up_ = !done();
    written_then_ = written_;
    return !gave_up_;
  }

  void end() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    news_.notify_one();
  }

  // ---- The writer's thread ----

  void run() {
    std::string batch;
    std::unique_lock lock(mutex_);
    for (;;) {
      while (nothing_new() && !ended_) {
        waits_ = true;
        news_.wait(lock);
      }
      waits_ = false;
      if (nothing_new()) return;
      batch.swap(pending_);
      const std::uint64_t dropped = std::exchange(dropped_, 0);
      const int next = std::exchange(next_fd_, -1);
      writes_ = true;
      lock.unlock();
      if (next >= 0) change_fd(next);
      put_batch(batch, dropped);
      batch.clear();
      if (batch.capacity() > kept_capacity) batch = std::string();
      lock.lock();
      writes_ = false;
      if (done()) done_.notify_all();
      lingers_ = nothing_new() && !ended_;
      if (lingers_) news_.wait_for(lock, linger);
      lingers_ = false;
    }
  }

 private:
  bool nothing_new() const { return pending_.empty() && dropped_ == 0 && next_fd_ < 0; }
  bool done() const { return nothing_new() && !writes_; }

  void change_fd(int next) {
    if (owns_fd_) ::close(fd_);
    fd_ = next;
    owns_fd_ = true;
    torn_ = false;
  }

  // `dropped` lines after those of the batch found no room.
  void put_batch(std::string_view batch, std::uint64_t dropped) {
    while (!batch.empty()) {
      const std::string_view lines = front_lines(batch);
      // Lines lost earlier are reported first. If that fails, writing these lines would fail too.
      const std::size_t gone = report() ? put(lines) : 0;
      const std::uint64_t lost = lines_of(lines.substr(gone));
      lost_ += lost;
      batch.remove_prefix(lines.size());
      const std::lock_guard lock(mutex_);
      lost_ever_ += lost;
      queued_ -= lines.size();
    }
    lost_ += dropped;
    report();
  }

  // Returns whether all lost lines were reported.
  bool report() {
    if (lost_ == 0) return true;
    const std::string line = dropped_line_(lost_) + '\n';
    if (put(line) != line.size()) return false;
    lost_ = 0;
    return true;
  }

  // Returns how many bytes of `lines` were written; fewer if the descriptor fails: no reader, no space, not open.
  std::size_t put(std::string_view lines) {
    // Ends a line that a failure cut short, so that the next line stands alone.
    if (torn_ && write_some("\n") == 0) return 0;
    torn_ = false;
    std::size_t gone = 0;
    while (gone < lines.size()) {
      const std::size_t n = write_some(lines.substr(gone));
      if (n == 0) break;
      gone += n;
    }
    torn_ = gone != 0 && lines[gone - 1] != '\n';
    return gone;
  }

  // One write(2); waits as long as it takes. Returns 0 if it failed.
  std::size_t write_some(std::string_view bytes) {
    for (;;) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n > 0) {
        const std::lock_guard lock(mutex_);
        written_ += static_cast<std::uint64_t>(n);
        return static_cast<std::size_t>(n);
      }
      if (n == 0) return 0;
      if (errno == EAGAIN) {
        // Another process made the open file non-blocking.
        pollfd room{fd_, POLLOUT, 0};
        ::poll(&room, 1, -1);
      } else if (errno != EINTR) {
        return 0;
      }
    }
  }

  const DroppedLine dropped_line_;
  const std::size_t most_;

  // Used by the writer thread only.
  int fd_;
  bool owns_fd_ = false;
  std::uint64_t lost_ = 0;  // lost lines that are not reported yet
  bool torn_ = false;       // the last byte written was not a line end

  std::mutex mutex_;  // never held across a system call that waits
  std::condition_variable news_;
  std::condition_variable done_;

  // Under mutex_.
  std::string pending_;
  std::size_t queued_ = 0;          // bytes of pending_ and of the current batch
  int next_fd_ = -1;                // after the current batch
  std::uint64_t lost_ever_ = 0;     // lines
  std::uint64_t dropped_ = 0;       // lines that found no room since the last batch
  std::uint64_t written_ = 0;       // bytes, in total
  bool waits_ = false;              // the writer waits for news_
  bool lingers_ = false;            // ... for a short time, and then checks for more without a wake-up
  bool writes_ = false;             // the writer has a batch
  bool ended_ = false;              // no more lines follow
  bool gave_up_ = false;            // the last flush() did...
  std::uint64_t written_then_ = 0;  // ... the value of written_ at that time
};

LineOutput::LineOutput(int fd, DroppedLine dropped_line, std::size_t most)
    : fd_(fd), writer_(std::make_shared<Writer>(fd, std::move(dropped_line), most)) {
  // Signals are for the loop's thread. Signals that a write raises, SIGPIPE, SIGXFSZ, SIGTTOU, become its error here
  // and do not end or stop the process.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([writer = writer_] { writer->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LineOutput::~LineOutput() {
  const bool flushed = flush();
  writer_->end();
  if (flushed) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void LineOutput::write(std::string_view line, Room room) { writer_->add(line, room); }

void LineOutput::switch_to(int fd) { writer_->switch_to(fd); }

std::uint64_t LineOutput::lost() const { return writer_->lost(); }

bool LineOutput::flush() { return writer_->flush(); }

}  // namespace tenfold
