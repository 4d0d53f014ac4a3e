// SocketFile: the file of a listening unix socket, from bind(2) to the end of the listener.
//
//   Result<std::unique_ptr<SocketFile>> file = SocketFile::bind(fd, path, 0660);
//   if (!file) return file.error();
//   listen(fd, …);
//
// A file left by a dead process is replaced; one that a process listens on is an error. Owned by the listener, on its
// thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace tenfold {

class SocketFile {
 public:
  // `fd`: an AF_UNIX socket, not yet bound. The file has `mode` before a client can connect. Errors (io) name the path
  // and the reason: "unix:/run/app.sock: permission denied".
  static Result<std::unique_ptr<SocketFile>> bind(int fd, const std::string& path, unsigned mode);
  // Removes the file, unless it was replaced by another one.
  ~SocketFile();
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;

 private:
  SocketFile(std::string path, dev_t device, ino_t inode) : path_(std::move(path)), device_(device), inode_(inode) {}

  const std::string path_;
  const dev_t device_;
  const ino_t inode_;
};

}  // namespace tenfold
