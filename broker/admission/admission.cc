#include "broker/admission/admission.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "broker/admission/client_address.h"
#include "broker/admission/secret.h"
#include "broker/rules.h"
#include "http/head.h"
#include "tls/password.h"

namespace tenfold::broker {
namespace {

// The b68token of RFC 6750 2.1, short enough for a head.
bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= 1024 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~+/=").find(c) != std::string_view::npos;
  });
}

// A name that identifies a token without revealing it.
std::string name_of(const std::string& secret) {
  constexpr std::size_t bytes = 8;
  std::string name = "token-";
  for (const char c : keyed_hash("tenfold token", secret).substr(0, bytes)) {
    constexpr std::string_view hex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    name += {hex[byte >> 4], hex[byte & 15]};
  }
  return name;
}

}  // namespace

Result<std::vector<Token>> read_token_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{ErrorKind::usage, "cannot read the token file " + path};
  std::vector<Token> tokens;
  std::string line;
  std::size_t total = 0;
  for (int number = 1; std::getline(file, line); ++number) {
    const auto bad = [&](const char* what) {
      return Error{ErrorKind::usage, path + ":" + std::to_string(number) + ": " + what};
    };
    total += line.size() + 1;
    if (total > rules::config_bytes) return Error{ErrorKind::usage, "the token file " + path + " is over 1 MiB"};
    std::istringstream words(line);
    Token token;
    std::string more;
    if (!(words >> token.secret) || token.secret.front() == '#') continue;
    if (!is_token(token.secret)) return bad("not a token (letters, digits and -._~+/= only, 1024 at most)");
    if (!(words >> token.name)) token.name = name_of(token.secret);
    if (words >> more) return bad("a token and its name are two words");
    const auto same = [&](const Token& other) { return other.name == token.name; };
    if (std::any_of(tokens.begin(), tokens.end(), same)) return bad("this name has a token already");
    tokens.push_back(std::move(token));
  }
  if (tokens.empty()) return Error{ErrorKind::usage, "the token file " + path + " has no token"};
  return tokens;
}

Admission::Admission(Runtime& runtime, AdmissionOptions options) : runtime_(runtime), options_(std::move(options)) {}

Admission::Verdict Admission::admit(std::string_view client_ip, std::string_view authorization, For what) {
  using handshake::Refusal;
  if (!options_.tokens.empty()) {
    constexpr std::string_view scheme = "Bearer ";
    const bool bearer =
        authorization.size() > scheme.size() && http::equal_nocase(authorization.substr(0, scheme.size()), scheme);
    if (!bearer) return {Refusal::unauthorized};
    const std::string_view token = authorization.substr(scheme.size());
    // Compares with every token, so that the time reveals nothing.
    std::string_view known;
    for (const Token& each : options_.tokens) {
      if (same_secret(each.secret, token)) known = each.name;
    }
    return {known.empty() ? Refusal::unauthorized : Refusal::none, known};
  }
  if (what == For::resumed) return {};
  const Refusal refusal = admit_another(client_ip);
  return {.refusal = refusal, .charged = refusal == Refusal::none};
}

handshake::Refusal Admission::admit_another(std::string_view client_ip) {
  using handshake::Refusal;
  if (is_this_machine(client_ip)) return Refusal::none;
  forget_idle();
  Address& address = addresses_[address_group(client_ip)];
  if (address.tunnels >= options_.tunnels_per_ip) return Refusal::limit;
  if (runtime_.now() - address.window_start >= rules::creates_window) {
    address.window_start = runtime_.now();
    address.creates = 0;
  }
  if (address.creates >= options_.creates_per_ip) return Refusal::rate;
  ++address.creates;
  return Refusal::none;
}

bool Admission::has_room(std::string_view client_ip) const {
  if (is_this_machine(client_ip)) return true;
  const auto found = addresses_.find(address_group(client_ip));
  return found == addresses_.end() || found->second.tunnels < options_.tunnels_per_ip;
}

void Admission::refund(std::string_view client_ip) {
  const auto found = addresses_.find(address_group(client_ip));
  if (found == addresses_.end() || found->second.creates == 0) return;
  if (--found->second.creates == 0 && found->second.tunnels == 0) addresses_.erase(found);
}

void Admission::on_tunnel_up(std::string_view client_ip) { ++addresses_[address_group(client_ip)].tunnels; }

void Admission::on_tunnel_down(std::string_view client_ip) {
  const auto found = addresses_.find(address_group(client_ip));
  if (found == addresses_.end() || found->second.tunnels == 0) return;
  // An address whose attempts do not count (it used a token) has no other state to keep.
  if (--found->second.tunnels == 0 && found->second.creates == 0) addresses_.erase(found);
}

// Addresses come from clients: each time their number has doubled, those without tunnels and recent attempts are
// removed.
void Admission::forget_idle() {
  if (addresses_.size() < forget_at_) return;
  std::erase_if(addresses_, [&](const auto& entry) {
    return entry.second.tunnels == 0 && runtime_.now() - entry.second.window_start >= rules::creates_window;
  });
  forget_at_ = std::max<std::size_t>(1024, addresses_.size() * 2);
}

}  // namespace tenfold::broker
