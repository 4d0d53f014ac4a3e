// Terminal: where its lines go, in which order, and what it says of those that were dropped.
#include "agent/screen/terminal.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "base/limits.h"

namespace tenfold {
namespace {

// Stdout and stderr as pipes, or as one, while it lives.
class Streams {
 public:
  explicit Streams(bool one_pipe) {
    for (const int fd : {1, 2}) {
      saved_[fd - 1] = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
      int both[2];
      REQUIRE(::pipe2(both, O_CLOEXEC) == 0);
      reads_[fd - 1] = both[0];
      ::dup2(both[1], fd);
      ::close(both[1]);
    }
    if (one_pipe) ::dup2(1, 2);
  }
  ~Streams() {
    end();
    for (const int fd : reads_) ::close(fd);
  }
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  // The streams as they were before, so that the pipes have an end.
  void end() {
    for (const int fd : {1, 2}) {
      if (saved_[fd - 1] < 0) continue;
      ::dup2(saved_[fd - 1], fd);
      ::close(saved_[fd - 1]);
      saved_[fd - 1] = -1;
    }
  }

  // What comes of one of them, up to and with `last`, or to its end.
  std::string read(int fd, const std::string& last) const {
    std::string all;
    char room[4096];
    while (all.find(last) == std::string::npos) {
      const ssize_t n = ::read(reads_[fd - 1], room, sizeof room);
      if (n <= 0) break;
      all.append(room, static_cast<std::size_t>(n));
    }
    return all;
  }

 private:
  int saved_[2];
  int reads_[2];
};

// More than its queue and a pipe hold.
void flood(Terminal& terminal) {
  const std::string line(999, '.');
  for (int i = 0; i < 400; ++i) terminal.out(line);
}

}  // namespace

TEST_CASE("each stream gets its own lines") {
  Streams streams(false);
  {
    Terminal terminal(false);
    terminal.out("one");
    terminal.err("two");
    terminal.out_kept("three");
  }
  streams.end();
  CHECK(streams.read(1, "three\n") == "one\nthree\n");
  CHECK(streams.read(2, "two\n") == "two\n");
}

TEST_CASE("where both streams lead to one place, their lines keep the order in which they were said") {
  Streams streams(true);
  std::string expected;
  {
    Terminal terminal(false);
    for (int i = 0; i < 200; ++i) {
      const std::string line = std::to_string(i);
      i % 2 == 0 ? terminal.out(line) : terminal.err(line);
      expected += line + '\n';
    }
  }
  streams.end();
  CHECK(streams.read(1, "199\n") == expected);
}

TEST_CASE("what was dropped is an event where a program reads, and a line of the log where a person does") {
  for (const bool one_pipe : {false, true}) {
    for (const bool json : {false, true}) {
      CAPTURE(one_pipe);
      CAPTURE(json);
      Streams streams(one_pipe);
      auto terminal = std::make_unique<Terminal>(json);
      flood(*terminal);
      terminal->out_kept("the url");
      const std::string last = json ? R"({"event":"dropped","n":)" : " warn log-dropped n=";
      const std::string said = streams.read(1, last);
      terminal->out("the end");
      const std::string rest = streams.read(1, "the end\n");
      terminal.reset();
      streams.end();
      CHECK(said.find(last) != std::string::npos);
      CHECK((said + rest).find("the url\n") != std::string::npos);
      CHECK(rest.ends_with("the end\n"));
    }
  }
}

}  // namespace tenfold
