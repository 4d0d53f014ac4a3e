#include "broker/tunnels/resume_token.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <utility>

#include "broker/admission/secret.h"
#include "broker/rules.h"
#include "tls/password.h"

namespace tenfold::broker {
namespace {

// A token is: version (1), key id (4), expiry (8), generation (8), then name, owner and instance, each as a length (2)
// and so many bytes, then the seal (32) over all of it. Numbers are big-endian.
constexpr char version = 1;
constexpr std::size_t id_size = 4;
constexpr std::size_t seal_size = 32;

void put(std::string& out, std::uint64_t number, std::size_t bytes) {
  while (bytes-- > 0) out += static_cast<char>(number >> (8 * bytes) & 0xff);
}

void put_text(std::string& out, std::string_view text) {
  put(out, text.size(), 2);
  out += text;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(std::size_t size) {
    if (size > rest_.size()) {
      whole_ = false;
      size = rest_.size();
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t number = 0;
    for (const char c : take(bytes)) number = number << 8 | static_cast<unsigned char>(c);
    return number;
  }
  std::string_view text() { return take(number(2)); }
  // Nothing was missing, and nothing is left.
  bool exact() const { return whole_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool whole_ = true;
};

}  // namespace

Result<std::vector<std::string>> read_cluster_keys(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{ErrorKind::usage, "cannot read the cluster secret file " + path};
  std::vector<std::string> keys;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const auto bad = [&](const char* what) {
      return Error{ErrorKind::usage, path + ":" + std::to_string(number) + ": " + what};
    };
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    if (line.size() < rules::cluster_key_least) return bad("a key has at least 32 characters");
    if (line.size() > rules::cluster_key_most) return bad("a key has at most 1024 characters");
    if (keys.size() == rules::cluster_keys) return bad("two keys at most: the new one, and the one before");
    keys.push_back(line);
  }
  if (keys.empty()) return Error{ErrorKind::usage, "the cluster secret file " + path + " has no key"};
  return keys;
}

ResumeTokens::ResumeTokens(std::vector<std::string> keys, Clock clock)
    : keys_(with_ids(std::move(keys))), clock_(std::move(clock)) {}

std::vector<ResumeTokens::Key> ResumeTokens::with_ids(std::vector<std::string> keys) {
  std::vector<Key> named;
  for (std::string& key : keys) {
    std::string id = keyed_hash(key, "tenfold resume token key").substr(0, id_size);
    named.push_back({std::move(id), std::move(key)});
  }
  return named;
}

void ResumeTokens::rotate(std::vector<std::string> keys) { keys_ = with_ids(std::move(keys)); }

std::string ResumeTokens::seal(std::string_view name, const Claimant& who, std::uint64_t generation) const {
  const Key& key = keys_.front();
  const auto expiry = clock_() + std::chrono::duration_cast<std::chrono::seconds>(rules::resume_token_life).count();
  std::string token(1, version);
  token += key.id;
  put(token, static_cast<std::uint64_t>(expiry), 8);
  put(token, generation, 8);
  put_text(token, name);
  put_text(token, who.owner);
  put_text(token, who.instance);
  return token + keyed_hash(key.secret, token);
}

std::optional<Claimant> ResumeTokens::open(std::string_view token, std::string_view name) const {
  if (token.size() <= seal_size || token.size() > rules::resume_token_bytes) return {};
  const std::string_view body = token.substr(0, token.size() - seal_size);
  Reader reader(body);
  if (reader.take(1) != std::string_view(&version, 1)) return {};
  const std::string_view id = reader.take(id_size);
  const auto key = std::find_if(keys_.begin(), keys_.end(), [&](const Key& each) { return each.id == id; });
  if (key == keys_.end() || !same_secret(keyed_hash(key->secret, body), token.substr(body.size()))) return {};
  const auto expiry = static_cast<std::int64_t>(reader.number(8));
  Claimant who;
  who.generation = reader.number(8);
  const std::string_view sealed_name = reader.text();
  who.owner = reader.text();
  who.instance = reader.text();
  if (!reader.exact() || sealed_name != name || expiry <= clock_()) return {};
  return who;
}

}  // namespace tenfold::broker
