#include "broker/admission/token_file.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <unordered_set>
#include <utility>

#include "base/base64.h"
#include "base/log.h"
#include "broker/admission/name_glob.h"
#include "broker/rules.h"
#include "tls/password.h"

namespace tenfold::broker {
namespace {

constexpr std::string_view hash_mark = "sha256:";
constexpr std::size_t hash_bytes = 32;

Error no(std::string why) { return {ErrorKind::usage, std::move(why)}; }

// The b68token of RFC 6750 2.1, short enough for a head.
bool is_secret(std::string_view text) {
  return !text.empty() && text.size() <= 1024 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~+/=").find(c) != std::string_view::npos;
  });
}

// A name that identifies a token without revealing it.
std::string derived_name(const std::string& secret) {
  constexpr std::size_t bytes = 8;
  std::string name = "token-";
  for (const char c : keyed_hash("tenfold token", secret).substr(0, bytes)) {
    constexpr std::string_view hex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    name += {hex[byte >> 4], hex[byte & 15]};
  }
  return name;
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find(at, begin);
    parts.emplace_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

std::vector<std::string> words_of(std::string_view line) {
  std::istringstream stream{std::string(line)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(std::move(word));
  return words;
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text.append(text.empty() ? "" : ",").append(part);
  return text;
}

Result<std::size_t> parse_tunnels(std::string_view text) {
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, number);
  if (failed != std::errc{} || stop != end || number == 0) return no("tunnels= needs a number from 1");
  return number;
}

// A word behind the hash.
Error read_rule(const std::string& word, Token& token) {
  const std::size_t equals = word.find('=');
  const std::string_view value =
      equals == std::string::npos ? std::string_view{} : std::string_view(word).substr(equals + 1);
  const std::string key = word.substr(0, equals);
  if (word == "reserve") {
    token.reserve = true;
  } else if (key == "names" || key == "kinds") {
    Result<std::vector<std::string>> list = key == "names" ? parse_globs(value) : parse_kinds(value);
    if (!list) return list.error();
    (key == "names" ? token.names : token.kinds) = *std::move(list);
  } else if (key == "tunnels") {
    const Result<std::size_t> number = parse_tunnels(value);
    if (!number) return number.error();
    token.tunnels = *number;
  } else {
    return no("not a rule of a token: " + printable(word, 64) + " (names=, tunnels=, kinds= or reserve)");
  }
  return {};
}

Result<Token> read_hashed(const std::vector<std::string>& words) {
  Token token;
  token.name = words[0];
  if (!is_token_name(token.name)) return no("a token's name has 1 to 64 letters, digits and -._");
  std::string_view text = std::string_view(words[1]).substr(hash_mark.size());
  token.hash = decode_base64(text).value_or(std::string{});
  if (token.hash.size() != hash_bytes) return no("behind sha256: stand 32 bytes in base64");
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (Error error = read_rule(words[i], token)) return error;
  }
  if (token.reserve && token.names.empty()) return no("reserve needs names=");
  return token;
}

Result<Token> read_plain(const std::vector<std::string>& words) {
  if (!is_secret(words[0])) return no("not a token: letters, digits and -._~+/= are allowed");
  if (words.size() > 2) return no("a token and its name are two words");
  return Token{words.size() == 2 ? words[1] : derived_name(words[0]), hash_of_secret(words[0])};
}

}  // namespace

std::vector<Token> TokenFile::tokens() const {
  std::vector<Token> all;
  for (const TokenLine& line : lines) all.push_back(line.token);
  return all;
}

std::size_t TokenFile::plain() const {
  return static_cast<std::size_t>(
      std::count_if(lines.begin(), lines.end(), [](const auto& line) { return line.plain; }));
}

Result<std::vector<std::string>> parse_globs(std::string_view list) {
  std::vector<std::string> globs = split(list, ',');
  for (const std::string& glob : globs) {
    if (!is_name_glob(glob)) {
      return no("not a name, nor a pattern of names: " + printable(glob.empty() ? "\"\"" : glob, 64) +
                " (a-z, 0-9, - and *)");
    }
  }
  return globs;
}

Result<std::vector<std::string>> parse_kinds(std::string_view list) {
  std::vector<std::string> kinds = split(list, ',');
  for (const std::string& kind : kinds) {
    if (kind != "http") return no("not a kind of tunnel: " + printable(kind.empty() ? "\"\"" : kind, 32) + " (http)");
  }
  return kinds;
}

Result<TokenFile> read_token_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return no("cannot read the token file " + path);
  std::string text(rules::config_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return no("cannot read the token file " + path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse_token_file(text, path);
}

Result<TokenFile> parse_token_file(std::string_view text, const std::string& path) {
  if (text.size() > rules::config_bytes) return no("the token file " + path + " is over 1 MiB");
  TokenFile file;
  std::unordered_set<std::string> names;
  std::unordered_set<std::string> hashes;
  std::size_t number = 0;
  for (const std::string& line : split(text, '\n')) {
    ++number;
    const std::vector<std::string> words = words_of(line);
    if (words.empty() || words[0].starts_with('#')) continue;
    const auto bad = [&](const std::string& what) { return no(path + ":" + std::to_string(number) + ": " + what); };
    const bool hashed = words.size() > 1 && words[1].starts_with(hash_mark);
    Result<Token> token = hashed ? read_hashed(words) : read_plain(words);
    if (!token) return bad(token.error().detail);
    if (!names.insert(token->name).second) return bad("this name has a token already");
    if (!hashes.insert(token->hash).second) return bad("this token stands in the file already");
    file.lines.push_back({number, *std::move(token), !hashed});
  }
  return file;
}

std::string token_line(const Token& token) {
  std::string line = token.name + " " + std::string(hash_mark) + encode_base64(token.hash);
  if (!token.names.empty()) line += " names=" + join(token.names);
  if (token.tunnels != 0) line += " tunnels=" + std::to_string(token.tunnels);
  if (!token.kinds.empty()) line += " kinds=" + join(token.kinds);
  if (token.reserve) line += " reserve";
  return line;
}

}  // namespace tenfold::broker
