#include "broker/token_edit.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include "broker/rules.h"

namespace tenfold::broker {
namespace {

constexpr mode_t mode_of_new = 0600;

Error failed(const std::string& what, const std::string& path) {
  return {ErrorKind::io, what + " " + path + ": " + std::strerror(errno)};
}

// An open file, closed with this object.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

// The file behind a symbolic link, since a rename would replace the link itself. A file that is not there: as given.
std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), &std::free);
  return real ? std::string(real.get()) : path;
}

bool wait_for_lock(int fd, std::chrono::steady_clock::time_point deadline) {
  constexpr auto pause = std::chrono::milliseconds(20);
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(pause);
  }
  return true;
}

// The lock is the file's own. Who waited for it may hold one that was replaced meanwhile: then it opens the next one.
Result<File> lock(const std::string& path, Missing missing) {
  const auto deadline = std::chrono::steady_clock::now() + token_lock_time;
  while (true) {
    const int create = missing == Missing::made ? O_CREAT : 0;
    File file(open(path.c_str(), O_RDWR | O_CLOEXEC | create, mode_of_new));
    if (!file) return failed("cannot open the token file", path);
    if (!wait_for_lock(file.fd(), deadline)) {
      return Error{ErrorKind::io, "the token file " + path + " is being changed by another process"};
    }
    struct stat held {};
    struct stat there {};
    if (fstat(file.fd(), &held) == 0 && stat(path.c_str(), &there) == 0 && held.st_ino == there.st_ino &&
        held.st_dev == there.st_dev) {
      return file;
    }
  }
}

Result<std::string> read_all(const File& file, const std::string& path) {
  std::string text(rules::config_bytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = read(file.fd(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("cannot read the token file", path);
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  text.resize(size);
  return text;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno != EINTR) return false;
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool same_owner(int fd, const struct stat& former) {
  struct stat mine {};
  if (fstat(fd, &mine) != 0) return false;
  return (mine.st_uid == former.st_uid && mine.st_gid == former.st_gid) ||
         fchown(fd, former.st_uid, former.st_gid) == 0;
}

// Beside the former file, with its mode and its owner, then in its place.
Error replace(const File& former, const std::string& path, std::string_view text) {
  std::string beside = path + ".XXXXXX";
  const File file(mkostemp(beside.data(), O_CLOEXEC));
  if (!file) return failed("cannot write beside", path);
  struct stat as_it_was {};
  const bool written = fstat(former.fd(), &as_it_was) == 0 && same_owner(file.fd(), as_it_was) &&
                       fchmod(file.fd(), as_it_was.st_mode & 07777) == 0 && write_all(file.fd(), text) &&
                       fsync(file.fd()) == 0 && std::rename(beside.c_str(), path.c_str()) == 0;
  if (!written) {
    Error error = failed("cannot write the token file", path);
    unlink(beside.c_str());
    return error;
  }
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const File directory(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) fsync(directory.fd());
  return {};
}

// The text with each of the file's lines as `change` gives it; nothing: without it.
template <typename Change>
std::string by_lines(const TokenFile& file, const std::string& text, const Change& change) {
  std::string changed;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    ++number;
    const auto line = std::find_if(file.lines.begin(), file.lines.end(),
                                   [&](const TokenLine& each) { return each.number == number; });
    changed +=
        line == file.lines.end() ? text.substr(begin, end - begin) : change(*line, text.substr(begin, end - begin));
    begin = end;
  }
  return changed;
}

}  // namespace

Error edit_token_file(const std::string& given, Missing missing, const TokenFileChange& change) {
  const std::string path = real_path(given);
  const Result<File> file = lock(path, missing);
  if (!file) return file.error();
  Result<std::string> text = read_all(*file, path);
  if (!text) return text.error();
  const Result<TokenFile> before = parse_token_file(*text, path);
  if (!before) return before.error();
  const Result<std::string> changed = change(*before, *std::move(text));
  if (!changed) return changed.error();
  const Result<TokenFile> after = parse_token_file(*changed, path);
  if (!after) return after.error();
  return replace(*file, path, *changed);
}

Result<std::string> with_token(const TokenFile& file, std::string text, const Token& token) {
  const bool taken = std::any_of(file.lines.begin(), file.lines.end(),
                                 [&](const TokenLine& line) { return line.token.name == token.name; });
  if (taken) return Error{ErrorKind::usage, "there is a token " + token.name + " already"};
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text + token_line(token) + '\n';
}

Result<std::string> without_token(const TokenFile& file, const std::string& text, const std::string& name) {
  const bool there =
      std::any_of(file.lines.begin(), file.lines.end(), [&](const TokenLine& line) { return line.token.name == name; });
  if (!there) return Error{ErrorKind::usage, "there is no token " + name};
  return by_lines(file, text, [&](const TokenLine& line, std::string as_it_is) {
    return line.token.name == name ? std::string{} : as_it_is;
  });
}

std::string with_hashes(const TokenFile& file, const std::string& text) {
  return by_lines(file, text, [](const TokenLine& line, std::string as_it_is) {
    return line.plain ? token_line(line.token) + '\n' : as_it_is;
  });
}

}  // namespace tenfold::broker
