#include "agent/links/instance.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "base/error.h"
#include "tls/password.h"

namespace tenfold {
namespace {

constexpr std::size_t seed_size = 32;
constexpr std::size_t instance_octets = 16;

std::string random_octets(std::size_t size) {
  std::string octets(size, '\0');
  if (::getrandom(octets.data(), size, 0) != static_cast<ssize_t>(size)) throw std::runtime_error("no random numbers");
  return octets;
}

std::string hex(std::string_view octets) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    text += {digits[octet >> 4], digits[octet & 15]};
  }
  return text;
}

// Of this process, or of this descriptor at least: an open file description's lock (fcntl(2), F_OFD_SETLK).
bool lock(int fd, off_t from, off_t size) {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = from;
  range.l_len = size;
  return ::fcntl(fd, F_OFD_SETLK, &range) == 0;
}

// Far behind the seed, one byte for each subject. Two subjects with the same byte cost one of them a random instance.
off_t byte_of(std::string_view digest) {
  std::uint64_t number = 0;
  for (const char c : digest.substr(0, 7)) number = number << 8 | static_cast<unsigned char>(c);
  return static_cast<off_t>(number + seed_size);
}

// The seed in the file, which is written by the first agent that comes; empty: it cannot be had.
std::string seed_in(int fd) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) return {};
  std::string seed(seed_size, '\0');
  const auto read = [&] { return ::pread(fd, seed.data(), seed_size, 0) == static_cast<ssize_t>(seed_size); };
  if (read()) return seed;
  // One of several that start at once writes it; the others have random instances this time.
  if (!lock(fd, 0, 1)) return {};
  if (read()) return seed;
  seed = random_octets(seed_size);
  return ::pwrite(fd, seed.data(), seed_size, 0) == static_cast<ssize_t>(seed_size) ? seed : std::string();
}

}  // namespace

Instance::Instance(Log& log, const std::string& folder, std::string_view subject) {
  text_ = hex(random_octets(instance_octets));
  if (folder.empty()) return;
  const std::string path = folder + "/instance";
  auto file = std::make_unique<Descriptor>(
      make_folders(folder) ? ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0600) : -1);
  const std::string seed = *file ? seed_in(file->get()) : std::string();
  if (seed.empty()) {
    log.info("state-not-kept", {{"file", path}, {"cause", system_reason(errno)}});
    return;
  }
  const std::string digest = keyed_hash(seed, subject);
  if (!lock(file->get(), byte_of(digest), 1)) {
    log.info("second-copy", {{"detail", "another agent runs with this command: this one has an instance of its own"}});
    return;
  }
  text_ = hex(std::string_view(digest).substr(digest.size() - instance_octets));
  lock_ = std::move(file);
}

}  // namespace tenfold
