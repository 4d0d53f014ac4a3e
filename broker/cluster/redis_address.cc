#include "broker/cluster/redis_address.h"

#include <charconv>
#include <optional>

namespace tenfold::broker {
namespace {

constexpr std::string_view plain_scheme = "redis://";
constexpr std::string_view tls_scheme = "rediss://";
constexpr std::string_view default_port = ":6379";
constexpr unsigned most_databases = 65536;

Error bad(std::string why) { return {ErrorKind::usage, std::move(why)}; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// RFC 3986 2.1: "%" HEXDIG HEXDIG.
std::optional<std::string> decode_percent(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return {};
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

Error read_login(std::string_view login, RedisAddress& into) {
  const std::size_t colon = login.find(':');
  if (colon == std::string_view::npos) return bad("the log-in is no USER:PASSWORD");
  const std::optional<std::string> user = decode_percent(login.substr(0, colon));
  const std::optional<std::string> password = decode_percent(login.substr(colon + 1));
  if (!user || !password) return bad("a '%' in the log-in is not followed by two hexadecimal digits");
  if (password->empty()) return bad("the password is empty");
  into.user = *user;
  into.password = *password;
  return {};
}

Error read_database(std::string_view text, unsigned& database) {
  if (text.empty()) return {};
  const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), database);
  if (failed != std::errc{} || stop != text.data() + text.size() || database >= most_databases) {
    return bad("the database is no number from 0 to " + std::to_string(most_databases - 1));
  }
  return {};
}

bool has_port(std::string_view host) {
  const std::size_t bracket = host.rfind(']');
  return host.find(':', bracket == std::string_view::npos ? 0 : bracket) != std::string_view::npos;
}

}  // namespace

Result<RedisAddress> RedisAddress::parse(std::string_view text) {
  RedisAddress result;
  result.tls = text.starts_with(tls_scheme);
  if (!result.tls && !text.starts_with(plain_scheme)) return bad("it begins with neither redis:// nor rediss://");
  text.remove_prefix(result.tls ? tls_scheme.size() : plain_scheme.size());

  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    if (const Error error = read_login(text.substr(0, at), result)) return error;
    text.remove_prefix(at + 1);
  }
  if (is_unix_text(text)) {
    if (result.tls) return bad("a unix socket has no TLS");
    Result<Address> address = Address::parse(text);
    if (!address) return address.error();
    result.address = *std::move(address);
    return result;
  }

  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  if (slash != std::string_view::npos) {
    if (const Error error = read_database(text.substr(slash + 1), result.database)) return error;
  }
  Result<Address> address = Address::parse_tcp(std::string(host) + std::string(has_port(host) ? "" : default_port));
  if (!address) return address.error();
  if (address->port == 0) return bad("the port is 0");
  result.address = *std::move(address);
  return result;
}

std::string to_string(const RedisAddress& address) {
  const std::string database = address.database == 0 ? "" : "/" + std::to_string(address.database);
  return std::string(address.tls ? tls_scheme : plain_scheme) + to_string(address.address) + database;
}

}  // namespace tenfold::broker
