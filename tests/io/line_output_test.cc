// LineOutput: a reader that stalls, comes back, goes away or never was holds nobody up; what is lost is counted.
#include "io/line_output.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/limits.h"
#include "support/test_certificate.h"

namespace tenfold {
namespace {

constexpr int patience = 20'000;  // ms, for a test that fails

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) { REQUIRE(fd >= 0); }
  ~Fd() { close(); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;

  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

struct Pipe {
  explicit Pipe(int flags = 0) {
    int both[2];
    REQUIRE(::pipe2(both, O_CLOEXEC | flags) == 0);
    from.emplace(both[0]);
    to.emplace(both[1]);
  }
  std::optional<Fd> from;
  std::optional<Fd> to;
};

std::string dropped_text(std::uint64_t count) { return "dropped " + std::to_string(count); }

std::unique_ptr<LineOutput> output_to(int fd) { return std::make_unique<LineOutput>(fd, dropped_text); }

// Takes whole lines from a descriptor, as they come.
class Lines {
 public:
  explicit Lines(int fd) : fd_(fd) {}

  // Nothing at the end, or when nothing comes.
  std::optional<std::string> next() {
    for (;;) {
      if (const std::size_t end = text_.find('\n'); end != std::string::npos) {
        std::string line = text_.substr(0, end);
        text_.erase(0, end + 1);
        return line;
      }
      pollfd there{fd_, POLLIN, 0};
      if (::poll(&there, 1, patience) <= 0) return std::nullopt;
      char room[4096];
      const ssize_t n = ::read(fd_, room, sizeof room);
      if (n <= 0) return std::nullopt;
      text_.append(room, static_cast<std::size_t>(n));
    }
  }

 private:
  const int fd_;
  std::string text_;
};

// Numbered lines of 100 bytes.
void write_numbered(LineOutput& output, int count, int from = 0) {
  for (int i = from; i < from + count; ++i) {
    std::string line = std::to_string(i) + ' ';
    line.resize(99, '.');
    output.write(line);
  }
}

struct Counted {
  int next = 0;  // the number that is to come
  int dropped = 0;
  int reports = 0;
};

// Reads until `total` numbered lines have come, or were reported as dropped at their very place.
Counted read_numbered(Lines& lines, int total) {
  Counted counted;
  while (counted.next < total) {
    const std::optional<std::string> line = lines.next();
    if (!line) {
      FAIL_CHECK("ended at " << counted.next);
      return counted;
    }
    if (line->starts_with("dropped ")) {
      const int n = std::atoi(line->c_str() + 8);
      CHECK(n > 0);
      counted.next += n;
      counted.dropped += n;
      ++counted.reports;
    } else {
      const int number = std::atoi(line->c_str());
      if (number != counted.next) FAIL_CHECK(number << " came in place of " << counted.next);
      CHECK(line->size() == 99);
      counted.next = number + 1;
    }
  }
  return counted;
}

void set_flag(int fd, int flag) { REQUIRE(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | flag) == 0); }

}  // namespace

TEST_CASE("every line comes, whole and in its order, when the output is destroyed") {
  Pipe pipe;
  auto output = output_to(pipe.to->get());
  write_numbered(*output, 500);
  output.reset();
  pipe.to->close();
  Lines lines(pipe.from->get());
  CHECK(read_numbered(lines, 500).dropped == 0);
  CHECK_FALSE(lines.next());
}

TEST_CASE("a reader that is merely slow loses nothing at the end") {
  Pipe pipe;
  auto output = output_to(pipe.to->get());
  write_numbered(*output, 1200);  // more than the pipe holds
  std::thread reader([&] {
    Lines lines(pipe.from->get());
    for (int i = 0; i < 1200; ++i) {
      if (i % 100 == 0) std::this_thread::sleep_for(20ms);
      const auto line = lines.next();
      REQUIRE(line);
      CHECK(std::atoi(line->c_str()) == i);
    }
  });
  output.reset();
  reader.join();
}

TEST_CASE("a reader that stalls holds nobody up, and what found no room is counted where it is missing") {
  Pipe pipe;
  auto output = output_to(pipe.to->get());
  constexpr int total = 10'000;  // 1 MB
  write_numbered(*output, total);
  Lines lines(pipe.from->get());
  const Counted first = read_numbered(lines, total);
  CHECK(first.next == total);
  CHECK(first.dropped > total / 2);
  // The reader is back: nothing is dropped any more, and nothing is reported twice.
  REQUIRE(output->flush());
  output->write("again");
  CHECK(lines.next() == "again");
}

TEST_CASE("a stall is reported once, however often lines come meanwhile") {
  Pipe pipe;
  auto output = output_to(pipe.to->get());
  write_numbered(*output, 4000);
  CHECK_FALSE(output->flush());  // the writer stands still now
  for (int i = 4000; i < 9000; i += 500) write_numbered(*output, 500, i);
  Lines lines(pipe.from->get());
  const Counted counted = read_numbered(lines, 9000);
  CHECK(counted.dropped >= 5000);
  // One for what came faster than the writer began, one for the stall.
  CHECK(counted.reports <= 2);
}

TEST_CASE("a reserved line is kept where others are dropped") {
  Pipe pipe;
  auto output = output_to(pipe.to->get());
  write_numbered(*output, 10'000);
  output->write("your url is: http://blue-fox.example", LineOutput::Room::reserved);
  Lines lines(pipe.from->get());
  bool found = false;
  for (std::optional<std::string> line; !found && (line = lines.next());) found = line->starts_with("your url is: ");
  CHECK(found);
}

TEST_CASE("reserved lines have their limit as well") {
  Pipe pipe;
  auto output = output_to(pipe.to->get());
  const std::string line(999, 'x');
  for (int i = 0; i < 2000; ++i) output->write(line, LineOutput::Room::reserved);
  CHECK_FALSE(output->flush());
  Lines lines(pipe.from->get());
  std::size_t came = 0;
  while (lines.next() == line) ++came;
  // What the queue held, and the pipe's 64 KiB.
  CHECK(came * 1000 <= limits::output_queued + limits::output_reserved + 64 * limits::KiB);
  CHECK(came * 1000 > limits::output_queued);
}

TEST_CASE("an output whose reader has stalled ends all the same") {
  Pipe pipe;
  auto output = output_to(pipe.to->get());
  write_numbered(*output, 4000);
  CHECK_FALSE(output->flush());
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(output->flush());  // it is not waited for a second time
  output.reset();
  CHECK(std::chrono::steady_clock::now() - begin < 20s);
  // Its writer is still there, and goes on when the reader does: with what had room.
  Lines lines(pipe.from->get());
  CHECK(lines.next()->starts_with("0 "));
  while (lines.next()->find("dropped") == std::string::npos) {
  }
}

TEST_CASE("a pipe that another process made non-blocking gets every line") {
  Pipe pipe;
  set_flag(pipe.to->get(), O_NONBLOCK);
  auto output = output_to(pipe.to->get());
  write_numbered(*output, 1200);  // more than the pipe holds
  Lines lines(pipe.from->get());
  CHECK(read_numbered(lines, 1200).dropped == 0);
  CHECK(output->flush());
}

TEST_CASE("a pipe whose readers are all gone costs its lines, and reports them to the next reader") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("plain", "") + ".fifo";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  Fd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const Fd to(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  auto output = output_to(to.get());
  output->write("first");
  CHECK(Lines(reader.get()).next() == "first");
  reader.close();
  for (int i = 0; i < 3; ++i) output->write("unheard");
  CHECK(output->flush());
  const Fd next_reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  output->write("second");
  Lines lines(next_reader.get());
  CHECK(lines.next() == "dropped 3");
  CHECK(lines.next() == "second");
}

TEST_CASE("a descriptor that is not open costs its lines and nothing else") {
  constexpr int closed = 987;
  REQUIRE(::fcntl(closed, F_GETFD) < 0);
  auto output = output_to(closed);
  write_numbered(*output, 10'000);
  CHECK(output->flush());
}

TEST_CASE("a full disk costs lines; where it ended they go on, each by itself, behind a report") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("log", "");
  const Fd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  auto output = output_to(file.get());
  // A limit on the file's size is the full disk of a test: write(2) takes a part, and then fails. Its signal, SIGXFSZ,
  // would end the process.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{250, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  write_numbered(*output, 10);
  const bool flushed = output->flush();
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(flushed);
  write_numbered(*output, 1, 10);
  output.reset();

  std::ifstream text(path);
  std::string line;
  for (const char* start : {"0 ", "1 ", "2 "}) {
    REQUIRE(std::getline(text, line));
    CHECK(line.starts_with(start));
  }
  CHECK(line.size() == 50);  // what the disk had room for
  REQUIRE(std::getline(text, line));
  CHECK(line == "dropped 8");
  REQUIRE(std::getline(text, line));
  CHECK(line.starts_with("10 "));
  CHECK_FALSE(std::getline(text, line));
}

TEST_CASE("a device that is always full ends with the program") {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  auto output = output_to(full.get());
  write_numbered(*output, 10'000);
  CHECK(output->flush());
}

TEST_CASE("one write is whole lines, and no more than a pipe keeps together") {
  const Pipe pipe(O_DIRECT);  // each read takes what one write put there
  const auto output = output_to(pipe.to->get());
  write_numbered(*output, 300);
  char room[8192];
  for (ssize_t n = 0, all = 0; all < 300 * 100; all += n) {
    n = ::read(pipe.from->get(), room, sizeof room);
    REQUIRE(n > 0);
    CHECK(n <= PIPE_BUF);
    CHECK(room[n - 1] == '\n');
  }
}

TEST_CASE("a line that is longer than a pipe keeps together comes whole") {
  Pipe pipe;
  auto output = output_to(pipe.to->get());
  const std::string line(3 * PIPE_BUF, 'x');
  output->write("before");
  output->write(line);
  output->write("behind");
  Lines lines(pipe.from->get());
  CHECK(lines.next() == "before");
  CHECK(lines.next() == line);
  CHECK(lines.next() == "behind");
}

TEST_CASE("a line for which no queue is long enough is counted at once") {
  Pipe pipe;
  auto output = output_to(pipe.to->get());
  output->write(std::string(limits::output_queued, 'x'));
  Lines lines(pipe.from->get());
  CHECK(lines.next() == "dropped 1");
}

TEST_CASE("a terminal that is stopped by Ctrl-S holds nobody up, and shows everything when it goes on") {
  const Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(::grantpt(master.get()) == 0);
  REQUIRE(::unlockpt(master.get()) == 0);
  const Fd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(::tcflow(terminal.get(), TCOOFF) == 0);
  auto output = output_to(terminal.get());
  write_numbered(*output, 500);
  CHECK_FALSE(output->flush());
  REQUIRE(::tcflow(terminal.get(), TCOON) == 0);
  Lines lines(master.get());
  for (int i = 0; i < 500; ++i) {
    const auto line = lines.next();
    REQUIRE(line);
    CHECK(std::atoi(line->c_str()) == i);
  }
  CHECK(output->flush());
}

TEST_CASE("a terminal that is closed costs its lines and nothing else") {
  Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(::grantpt(master.get()) == 0);
  REQUIRE(::unlockpt(master.get()) == 0);
  const Fd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  auto output = output_to(terminal.get());
  output->write("heard");
  CHECK(Lines(master.get()).next()->starts_with("heard"));
  master.close();
  write_numbered(*output, 10'000);
  CHECK(output->flush());
}

TEST_CASE("after a switch lines go to the new descriptor, and the former one is closed when it was such a one") {
  Pipe first;
  Pipe second;
  Pipe third;
  auto output = output_to(first.to->get());
  output->write("one");
  CHECK(output->flush());
  output->switch_to(::dup(second.to->get()));
  output->write("two\nthree");
  CHECK(output->flush());
  output->switch_to(::dup(third.to->get()));
  output->write("four");
  CHECK(output->flush());
  Lines of_first(first.from->get());
  CHECK(of_first.next() == "one");
  second.to.reset();
  Lines of_second(second.from->get());
  CHECK(of_second.next() == "two");
  CHECK(of_second.next() == "three");
  CHECK_FALSE(of_second.next());
  Lines of_third(third.from->get());
  CHECK(of_third.next() == "four");
  CHECK(output->lost() == 0);
}

}  // namespace tenfold
