// Listening sockets that a supervisor opened and passed on: systemd's socket activation, in which descriptors from 3 on
// are announced by LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES.
//
//   Result<std::vector<InheritedSocket>> sockets = take_inherited_sockets();   // once, before other files are opened
//   TcpListener::adopt(loop, sockets[0].fd, on_accept);
//
// Source: sd_listen_fds(3).
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"

namespace tenfold {

struct InheritedSocket {
  int fd = -1;
  std::string name;   // of LISTEN_FDNAMES; empty: none
  Address address{};  // where it listens
};

// The values of the three variables; empty: not set.
struct InheritedTexts {
  std::string_view pid;
  std::string_view count;
  std::string_view names;
};

// Descriptors and names, without addresses; none if the sockets are another process's. `self`: this process. Pure.
// Errors (usage) name the variable.
Result<std::vector<InheritedSocket>> read_inherited_sockets(const InheritedTexts& texts, pid_t self);

// The sockets of this process's environment, closed on exec from now on; the variables are removed. Errors (usage) name
// the variable or the descriptor that is no listening stream socket.
Result<std::vector<InheritedSocket>> take_inherited_sockets();

}  // namespace tenfold
