#include "io/socket_file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "io/socket_address.h"

namespace tenfold {
namespace {

bool bind_to(int fd, const sockaddr_storage& at) {
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&at), size_of(at)) == 0;
}

// 0 if a process listens there, otherwise the errno of connect(2).
int probe(const sockaddr_storage& at) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int failed = ::connect(fd, reinterpret_cast<const sockaddr*>(&at), size_of(at)) == 0 ? 0 : errno;
  ::close(fd);
  return failed == EAGAIN ? 0 : failed;  // its backlog is full
}

// For a path where bind(2) found a file. Empty: the path is free now; otherwise the reason that it is not.
std::string remove_stale(const std::string& path, const sockaddr_storage& at) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return errno == ENOENT ? std::string() : system_reason(errno);
  if (!S_ISSOCK(found.st_mode)) return "a file that is no socket lies there";
  const int failed = probe(at);
  if (failed == 0) return "another process listens there";
  if (failed != ECONNREFUSED) return "address already in use: " + system_reason(failed);
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return "the socket of an earlier process cannot be removed: " + system_reason(errno);
}

}  // namespace

Result<std::unique_ptr<SocketFile>> SocketFile::bind(int fd, const std::string& path, unsigned mode) {
  const auto failed = [&](const std::string& why) {
    return Error{ErrorKind::io, to_string(Address::of_unix(path)) + ": " + why};
  };
  sockaddr_storage at;
  if (!to_sockaddr(Address::of_unix(path), at)) return failed(system_reason(ENAMETOOLONG));
  if (!bind_to(fd, at)) {
    if (errno != EADDRINUSE) return failed(system_reason(errno));
    if (const std::string why = remove_stale(path, at); !why.empty()) return failed(why);
    if (!bind_to(fd, at)) return failed(system_reason(errno));
  }
  struct stat made {};
  if (::lstat(path.c_str(), &made) != 0) return failed(system_reason(errno));
  std::unique_ptr<SocketFile> file(new SocketFile(path, made.st_dev, made.st_ino));
  if (::chmod(path.c_str(), mode) != 0) return failed(system_reason(errno));
  return file;
}

SocketFile::~SocketFile() {
  struct stat found {};
  if (::lstat(path_.c_str(), &found) != 0 || found.st_dev != device_ || found.st_ino != inode_) return;
  ::unlink(path_.c_str());
}

}  // namespace tenfold
