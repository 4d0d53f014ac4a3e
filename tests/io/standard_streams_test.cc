// The standard streams: a closed one leads nowhere before another file can get its number.
#include "io/standard_streams.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <initializer_list>

namespace tenfold {
namespace {

// A standard stream that is closed while it lives.
class Closed {
 public:
  explicit Closed(int fd) : fd_(fd), saved_(::fcntl(fd, F_DUPFD_CLOEXEC, 3)) {
    REQUIRE(saved_ >= 0);
    ::close(fd);
  }
  ~Closed() {
    ::dup2(saved_, fd_);
    ::close(saved_);
  }
  Closed(const Closed&) = delete;
  Closed& operator=(const Closed&) = delete;

 private:
  const int fd_;
  const int saved_;
};

}  // namespace

TEST_CASE("a standard stream that is closed leads to /dev/null, and no socket gets its number") {
  struct stat null {};
  REQUIRE(::stat("/dev/null", &null) == 0);
  struct stat stream {};
  int got = -1;
  int next = -1;
  {
    const Closed input(0);
    const Closed errors(2);
    open_closed_streams();
    got = ::fstat(2, &stream);
    next = ::open("/", O_RDONLY | O_CLOEXEC);
    ::close(next);
  }
  CHECK(got == 0);
  CHECK(stream.st_rdev == null.st_rdev);
  CHECK(next > 2);
}

TEST_CASE("streams that are open stay what they are") {
  struct stat before {};
  struct stat after {};
  REQUIRE(::fstat(1, &before) == 0);
  open_closed_streams();
  REQUIRE(::fstat(1, &after) == 0);
  CHECK(before.st_ino == after.st_ino);
}

TEST_CASE("two descriptors lead to the same place when one is a copy of the other") {
  int one[2];
  int two[2];
  REQUIRE(::pipe2(one, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(two, O_CLOEXEC) == 0);
  const int copy = ::fcntl(one[1], F_DUPFD_CLOEXEC, 0);
  CHECK(same_file(one[1], copy));
  CHECK_FALSE(same_file(one[1], two[1]));
  for (const int fd : {one[0], one[1], two[0], two[1], copy}) ::close(fd);
  CHECK_FALSE(same_file(copy, copy));
}

}  // namespace tenfold
