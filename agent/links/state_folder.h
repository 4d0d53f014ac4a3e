// The folder of what an agent keeps over restarts: known_brokers.h and instance.h keep a file each. Both are small and
// fast enough for the loop's thread, and neither is needed: without the folder they live in memory only.
#pragma once

#include <unistd.h>
#include <string>

namespace tenfold {

// Makes the folder and those above it, for this user alone. Returns false with errno set.
bool make_folders(const std::string& path);

// Closes what it holds.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  const int fd_;
};

}  // namespace tenfold
