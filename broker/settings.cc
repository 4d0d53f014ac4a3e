#include "broker/settings.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "broker/admission/secret.h"
#include "broker/admission/token_file.h"
#include "broker/rules.h"
#include "broker/tunnels/resume_token.h"
#include "tls/password.h"

namespace tenfold::broker {
namespace {

// The flags that a reload puts in force.
constexpr std::array<std::string_view, 11> reloaded_flags = {
    "--cluster-secret-file", "--proxy-protocol-from", "--proxy",       "--token-file",    "--tls-cert", "--tls-key",
    "--tunnels-per-ip",      "--creates-per-ip",      "--drain-delay", "--drain-timeout", "--log-level"};

bool is_reloaded(std::string_view flag) {
  return std::find(reloaded_flags.begin(), reloaded_flags.end(), flag) != reloaded_flags.end();
}

// Names the flag in the error.
Error of_flag(std::string_view flag, const Error& error) {
  return {error.kind, std::string(flag) + ": " + error.detail};
}

// Without --health no balancer can hear that this broker goes down, and a delay would be for nobody.
DrainTimes drain_times(const Options& options) {
  const Duration delay = options.health ? rules::drain_delay : Duration::zero();
  return {options.drain_delay.value_or(delay), options.drain_time};
}

std::string hash_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return plain_hash(text.str());
}

Result<std::shared_ptr<const TokenStore>> read_tokens(const std::string& path, Log& log) {
  const Result<TokenFile> file = read_token_file(path);
  if (!file) return of_flag("--token-file", file.error());
  if (file->lines.empty()) {
    log.warn("token-file-empty", {{"file", path}, {"detail", "with no token in it, nobody can make a tunnel"}});
  }
  if (file->plain() != 0) {
    log.warn("token-plain", {{"file", path},
                             {"tokens", file->plain()},
                             {"detail",
                              "secrets stand in this file as they are: `broker token hash --file FILE` puts their "
                              "hashes in their place"}});
  }
  return std::make_shared<const TokenStore>(file->tokens());
}

const std::vector<std::string>& given(const GivenFlags& flags, const std::string& flag) {
  static const std::vector<std::string> nothing;
  const auto found = flags.find(flag);
  return found == flags.end() ? nothing : found->second;
}

// The flags of both that were given otherwise.
std::vector<std::string> differing(const GivenFlags& before, const GivenFlags& after, bool reloaded) {
  GivenFlags both = before;
  both.insert(after.begin(), after.end());
  std::vector<std::string> flags;
  for (const auto& [flag, values] : both) {
    if (is_reloaded(flag) == reloaded && given(before, flag) != given(after, flag)) flags.push_back(flag);
  }
  return flags;
}

const std::vector<Token>& tokens_of(const TokenStore* store) {
  static const std::vector<Token> none;
  return store == nullptr ? none : store->all();
}

std::string token_changes(const TokenStore* before, const TokenStore* after) {
  const std::size_t revoked = revoked_tokens(before, after).size();
  const std::size_t made = revoked_tokens(after, before).size();
  std::size_t other_rules = 0;
  for (const Token& token : tokens_of(after)) {
    const Token* former = before == nullptr ? nullptr : before->named(token.name);
    other_rules += static_cast<std::size_t>(former != nullptr && former->hash == token.hash && !(*former == token));
  }
  std::string text;
  for (const auto& [count, what] :
       {std::pair{made, " new"}, std::pair{revoked, " revoked"}, std::pair{other_rules, " with other rules"}}) {
    if (count != 0) text += (text.empty() ? "" : ", ") + std::to_string(count) + what;
  }
  return text;
}

}  // namespace

Result<Settings> read_settings(const Options& options, Log& log, const Settings* former) {
  Settings settings;
  settings.admission.tunnels_per_ip = options.tunnels_per_ip;
  settings.admission.creates_per_ip = options.creates_per_ip;
  settings.admission.paced = options.paced;
  if (!options.token_file.empty()) {
    Result<std::shared_ptr<const TokenStore>> tokens = read_tokens(options.token_file, log);
    if (!tokens) return tokens.error();
    settings.admission.tokens = *std::move(tokens);
  }
  if (options.has_https()) {
    Result<std::shared_ptr<TlsContext>> made = TlsContext::server({options.tls_cert, options.tls_key});
    if (!made) return of_flag(made.error().detail.starts_with("key ") ? "--tls-key" : "--tls-cert", made.error());
    settings.tls = *std::move(made);
    settings.tls_files = hash_of_file(options.tls_cert) + hash_of_file(options.tls_key);
  }
  settings.cluster_keys =
      former != nullptr ? former->cluster_keys : std::vector<std::string>{random_bytes(rules::cluster_key_least)};
  if (!options.cluster_secret_file.empty()) {
    Result<std::vector<std::string>> keys = read_cluster_keys(options.cluster_secret_file);
    if (!keys) return of_flag("--cluster-secret-file", keys.error());
    settings.cluster_keys = *std::move(keys);
  }
  settings.proxies = options.proxies;
  settings.header_senders = options.proxy_protocol_from;
  settings.drain = drain_times(options);
  settings.log_level = options.log_level;
  return settings;
}

Options reloaded_options(const Options& started, const Options& now) {
  Options options = started;
  options.proxies = now.proxies;
  options.proxy_protocol_from = now.proxy_protocol_from;
  options.token_file = now.token_file;
  options.cluster_secret_file = now.cluster_secret_file;
  options.tunnels_per_ip = now.tunnels_per_ip;
  options.creates_per_ip = now.creates_per_ip;
  options.drain_time = now.drain_time;
  options.drain_delay = now.drain_delay;
  options.log_level = now.log_level;
  // Listeners that the new options do not name any more stand until the restart, with what they have.
  if (now.has_https()) {
    options.tls_cert = now.tls_cert;
    options.tls_key = now.tls_key;
  }
  for (const std::string_view flag : reloaded_flags) {
    options.given.erase(std::string(flag));
    if (const auto found = now.given.find(std::string(flag)); found != now.given.end()) options.given.insert(*found);
  }
  return options;
}

std::vector<std::string> restart_needed(const Options& started, const Options& now) {
  return differing(started.given, now.given, false);
}

std::string changes(const Settings& before, const Settings& after, const GivenFlags& given_before,
                    const GivenFlags& given_after) {
  std::vector<std::string> parts;
  for (const std::string& flag : differing(given_before, given_after, true)) parts.push_back(flag.substr(2));
  if (before.cluster_keys != after.cluster_keys) parts.emplace_back("cluster keys");
  if (before.tls_files != after.tls_files) parts.emplace_back("certificate");
  if (const std::string tokens = token_changes(before.admission.tokens.get(), after.admission.tokens.get());
      !tokens.empty()) {
    parts.push_back("tokens (" + tokens + ")");
  }
  std::string text;
  for (const std::string& part : parts) text.append(text.empty() ? "" : ", ").append(part);
  return text.empty() ? "nothing" : text;
}

std::vector<std::string> revoked_tokens(const TokenStore* before, const TokenStore* after) {
  std::vector<std::string> names;
  for (const Token& token : tokens_of(before)) {
    const Token* now = after == nullptr ? nullptr : after->named(token.name);
    if (now == nullptr || now->hash != token.hash) names.push_back(token.name);
  }
  return names;
}

}  // namespace tenfold::broker
