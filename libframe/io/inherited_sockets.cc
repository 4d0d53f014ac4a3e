#include "io/inherited_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "io/socket_address.h"

namespace tenfold {
namespace {

constexpr int first_fd = 3;    // SD_LISTEN_FDS_START
constexpr int most_fds = 128;  // more listeners than any configuration has

Error bad(std::string_view variable, std::string_view value) {
  return {ErrorKind::usage,
          std::string(variable) + "=" + printable(value, 128) + ": not a number of listening sockets"};
}

template <typename Number>
bool read_number(std::string_view text, Number& out) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc{} && end == text.data() + text.size();
}

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view{} : value;
}

int option(int fd, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

Error prepare(InheritedSocket& socket) {
  const auto failed = [&](std::string_view why) {
    return Error{ErrorKind::usage, "LISTEN_FDS: descriptor " + std::to_string(socket.fd) + ": " + std::string(why)};
  };
  sockaddr_storage at{};
  socklen_t length = sizeof at;
  if (::getsockname(socket.fd, reinterpret_cast<sockaddr*>(&at), &length) != 0) return failed(system_reason(errno));
  const bool known = at.ss_family == AF_INET || at.ss_family == AF_INET6 || at.ss_family == AF_UNIX;
  if (!known || option(socket.fd, SO_TYPE) != SOCK_STREAM || option(socket.fd, SO_ACCEPTCONN) != 1) {
    return failed("not a listening stream socket");
  }
  ::fcntl(socket.fd, F_SETFD, FD_CLOEXEC);
  socket.address = address_of(at);
  return {};
}

}  // namespace

Result<std::vector<InheritedSocket>> read_inherited_sockets(const InheritedTexts& texts, pid_t self) {
  std::vector<InheritedSocket> sockets;
  if (texts.pid.empty() || texts.count.empty()) return sockets;
  pid_t pid = 0;
  int count = 0;
  if (!read_number(texts.pid, pid)) return bad("LISTEN_PID", texts.pid);
  if (pid != self) return sockets;
  if (!read_number(texts.count, count) || count < 0 || count > most_fds) return bad("LISTEN_FDS", texts.count);
  std::string_view names = texts.names;
  for (int i = 0; i < count; ++i) {
    const std::string_view name = names.substr(0, names.find(':'));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    sockets.push_back({first_fd + i, std::string(name)});
  }
  return sockets;
}

Result<std::vector<InheritedSocket>> take_inherited_sockets() {
  Result<std::vector<InheritedSocket>> sockets =
      read_inherited_sockets({variable("LISTEN_PID"), variable("LISTEN_FDS"), variable("LISTEN_FDNAMES")}, ::getpid());
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
  if (!sockets) return sockets;
  for (InheritedSocket& socket : *sockets) {
    if (Error error = prepare(socket)) return error;
  }
  return sockets;
}

}  // namespace tenfold
