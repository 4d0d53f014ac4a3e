#include "agent/targets/endpoint.h"

#include <arpa/inet.h>

#include <algorithm>

#include "http/head.h"

namespace tenfold {
namespace {

constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;

Error usage(std::string what) { return {ErrorKind::usage, std::move(what)}; }

bool skip_prefix(std::string_view& text, std::string_view prefix) {
  if (!http::equal_nocase(text.substr(0, prefix.size()), prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool is_host(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == ':';
  });
}

// Parses the text after "scheme://".
Result<Endpoint> parse_authority(std::string_view text, bool tls) {
  if (text.starts_with("unix:/")) return usage("a unix socket is written unix:/PATH, without a scheme");
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.find_first_of("/?#") != std::string_view::npos) return usage("a path has no meaning here");
  if (text.find('@') != std::string_view::npos) return usage("a user has no meaning here");
  std::string whole(text);
  const bool has_port = text.find(':') != std::string_view::npos && !text.ends_with(']');
  if (!has_port) whole += ':' + std::to_string(tls ? https_port : http_port);
  Result<Address> address = Address::parse_tcp(whole);
  if (!address || address->port == 0 || !is_host(address->host)) return usage("not a host, or not a host:port");
  return Endpoint{tls, *std::move(address)};
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<Endpoint> parse_target(std::string_view text) {
  if (skip_prefix(text, "http://")) return parse_authority(text, false);
  if (skip_prefix(text, "https://")) return parse_authority(text, true);
  if (text.find("://") != std::string_view::npos) return usage("only http:// and https:// are known");
  if (is_unix_text(text)) {
    Result<Address> address = Address::parse(text);
    if (!address) return address.error();
    return Endpoint{false, *std::move(address)};
  }
  const bool port_alone = is_number(text) || (text.starts_with(':') && is_number(text.substr(1)));
  if (!port_alone && text.find(':') == std::string_view::npos) return usage("no port");
  Result<Address> address = Address::parse_tcp(text, true);
  if (!address) return usage("not a port, a host:port, a URL or unix:/PATH");
  if (address->port == 0) return usage("not a port from 1 to 65535");
  if (address->host.empty()) address->host = "localhost";
  if (!is_host(address->host)) return usage("not a host name");
  return Endpoint{false, *std::move(address)};
}

Result<Endpoint> parse_broker_url(std::string_view text) {
  if (skip_prefix(text, "http://")) return parse_authority(text, false);
  if (skip_prefix(text, "https://")) return parse_authority(text, true);
  return usage("wants http:// or https:// in front");
}

std::string to_string(const Endpoint& endpoint) {
  if (endpoint.address.is_unix()) return to_string(endpoint.address);
  return (endpoint.tls ? "https://" : "http://") + to_string(endpoint.address);
}

std::string authority(const Endpoint& endpoint) {
  if (endpoint.address.port != (endpoint.tls ? https_port : http_port)) return to_string(endpoint.address);
  const std::string& host = endpoint.address.host;
  return host.find(':') == std::string::npos ? host : '[' + host + ']';
}

bool is_loopback(std::string_view host) {
  if (http::equal_nocase(host, "localhost")) return true;
  const std::string text(host);
  in_addr four;
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  in6_addr six;
  return inet_pton(AF_INET6, text.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

bool is_ip(std::string_view host) {
  const std::string text(host);
  in6_addr any;
  return inet_pton(AF_INET, text.c_str(), &any) == 1 || inet_pton(AF_INET6, text.c_str(), &any) == 1;
}

}  // namespace tenfold
