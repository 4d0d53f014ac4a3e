#include "agent/links/known_brokers.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <thread>
#include <utility>

#include "agent/links/state_folder.h"
#include "agent/rules.h"

namespace tenfold {
namespace {

constexpr std::string_view file_name = "brokers";
constexpr std::string_view heading =
    "# Brokers that have spoken tenfold/1, the latest last. `agent expose --mux` never takes their classic sockets.\n";

// How long to wait for another agent that writes the file; writing takes well under a millisecond.
constexpr int lock_tries = 20;
constexpr Duration lock_pause = 1ms;

// A broker's name in the file: independent of how its URL was written.
std::string origin_of(const Endpoint& broker) {
  std::string origin = to_string(broker);
  std::transform(origin.begin(), origin.end(), origin.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return origin;
}

bool is_origin(std::string_view line) {
  const Result<Endpoint> broker = parse_broker_url(line);
  return broker && origin_of(*broker) == line;
}

void make_latest(std::vector<std::string>& origins, std::string origin) {
  std::erase(origins, origin);
  origins.push_back(std::move(origin));
  if (origins.size() > rules::known_brokers) origins.erase(origins.begin());
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// The whole file, or an empty text if it is not a file of ours: then `odd` is set.
std::string contents(const std::string& path, bool& odd) {
  // Opening a pipe in its place must not block the agent.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    odd = errno != ENOENT && errno != ENOTDIR;
    return {};
  }
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    odd = true;
    return {};
  }
  std::string text(rules::known_brokers_bytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(file.get(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    size += static_cast<std::size_t>(n);
  }
  odd = size == text.size();
  text.resize(odd ? 0 : size);
  return text;
}

}  // namespace

KnownBrokers::KnownBrokers(Log& log, std::string folder)
    : log_(log), folder_(std::move(folder)), file_(folder_ + '/' + std::string(file_name)) {
  if (folder_.empty()) return;
  std::size_t ignored = 0;
  known_ = read(ignored);
  if (ignored != 0) log_.warn("state-ignored", {{"file", file_}, {"lines", ignored}});
}

KnownBrokers::Origins KnownBrokers::read(std::size_t& ignored) const {
  bool odd = false;
  const std::string text = contents(file_, odd);
  ignored = odd ? 1 : 0;
  Origins origins;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.empty() || line.starts_with('#')) continue;
    if (is_origin(line)) {
      make_latest(origins, std::string(line));
    } else {
      ++ignored;
    }
  }
  return origins;
}

bool KnownBrokers::spoke_mux(const Endpoint& broker) const {
  return std::find(known_.begin(), known_.end(), origin_of(broker)) != known_.end();
}

void KnownBrokers::on_spoke_mux(const Endpoint& broker) {
  const std::string origin = origin_of(broker);
  const auto found = std::find(known_.begin(), known_.end(), origin);
  // An entry among the oldest is written again, so that a broker in use is not dropped.
  const bool safe =
      found != known_.end() && known_.end() - found <= static_cast<std::ptrdiff_t>(rules::known_brokers / 2);
  if (safe) return;
  make_latest(known_, origin);
  if (!folder_.empty()) store(origin);
}

// Keeps entries that other agents have written meanwhile.
void KnownBrokers::store(const std::string& origin) const {
  const auto fail = [this] { log_.info("state-not-kept", {{"file", file_}, {"cause", system_reason(errno)}}); };
  if (!make_folders(folder_)) return fail();
  const Descriptor folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return fail();
  // Without the lock the file is still consistent; only an entry that another agent writes at the same time may be
  // lost.
  for (int tries = 0; ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0 && tries < lock_tries; ++tries) {
    std::this_thread::sleep_for(lock_pause);
  }

  std::size_t ignored = 0;
  Origins origins = read(ignored);
  make_latest(origins, origin);
  std::string text(heading);
  for (const std::string& each : origins) text += each + '\n';

  std::string next = file_ + ".XXXXXX";
  const Descriptor file(::mkostemp(next.data(), O_CLOEXEC));
  if (!file) return fail();
  if (::fchmod(file.get(), 0600) != 0 || !write_all(file.get(), text) || ::rename(next.c_str(), file_.c_str()) != 0) {
    fail();
    ::unlink(next.c_str());
  }
}

}  // namespace tenfold
