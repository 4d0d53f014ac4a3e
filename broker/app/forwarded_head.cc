#include "broker/app/forwarded_head.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>

#include "broker/admission/proxy_claims.h"
#include "http1/head_writer.h"

namespace tenfold::broker {
namespace {

using http::equal_nocase;

constexpr std::string_view via_mark = "1.1 tenfold-";

// The role of a field when a head is rewritten.
enum class Role {
  plain,
  framing,  // derived from the request's framing
  host,
  claim,          // describes the client: only a listed proxy may set it for another client
  checked_claim,  // ... and is passed on as far as it can be parsed: X-Forwarded-For, -Proto, -Host
  request_id,
  client_request_id,
  expect,
  max_forwards,
};

// Whether an app may take `name` for `known`, which is in lower case: CGI and its successors (WSGI, PHP, Rack) ignore
// case, and the difference between a dash and an underscore.
bool reads_as(std::string_view name, std::string_view known) {
  if (name.size() != known.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const char read = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    if (read != known[i]) return false;
  }
  return true;
}

Role role_behind_x(std::string_view name) {
  constexpr std::string_view forwarded = "x-forwarded";
  if (reads_as(name.substr(0, forwarded.size()), forwarded)) {
    const std::string_view rest = name.substr(forwarded.size());
    if (reads_as(rest, "-for") || reads_as(rest, "-proto") || reads_as(rest, "-host")) return Role::checked_claim;
    return rest.empty() || rest.front() == '-' || rest.front() == '_' ? Role::claim : Role::plain;
  }
  switch (name.size()) {
    case 9: return reads_as(name, "x-real-ip") ? Role::claim : Role::plain;
    case 11: return reads_as(name, "x-client-ip") ? Role::claim : Role::plain;
    case 12: return reads_as(name, "x-request-id") ? Role::request_id : Role::plain;
    case 19:
      if (reads_as(name, "x-cluster-client-ip")) return Role::claim;
      return reads_as(name, "x-client-request-id") ? Role::client_request_id : Role::plain;
    case 24: return reads_as(name, "x-original-forwarded-for") ? Role::claim : Role::plain;
    default: return Role::plain;
  }
}

// Selects by the first letter: most fields are plain, and every field of every request is checked here.
Role role_of(std::string_view name) {
  switch (name.front() | 0x20) {
    case 'c':
      if (equal_nocase(name, "Content-Length")) return Role::framing;
      return reads_as(name, "client-ip") || reads_as(name, "cf-connecting-ip") ? Role::claim : Role::plain;
    case 'e': return equal_nocase(name, "Expect") ? Role::expect : Role::plain;
    case 'f': return reads_as(name, "forwarded") || reads_as(name, "fastly-client-ip") ? Role::claim : Role::plain;
    case 'h': return equal_nocase(name, "Host") ? Role::host : Role::plain;
    case 'm': return equal_nocase(name, "Max-Forwards") ? Role::max_forwards : Role::plain;
    case 't':
      if (equal_nocase(name, "Transfer-Encoding")) return Role::framing;
      return reads_as(name, "true-client-ip") ? Role::claim : Role::plain;
    case 'x': return role_behind_x(name);
    default: return Role::plain;
  }
}

// RFC 9110 7.6.2: for these two methods only.
bool counts_hops(std::string_view method) { return method == "OPTIONS" || method == "TRACE"; }

// Max-Forwards = 1*DIGIT; nullopt if malformed. A number that overflows becomes the maximum.
std::optional<std::uint64_t> read_hops(std::string_view text) {
  constexpr auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return {};
  std::uint64_t hops = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hops);
  return error == std::errc{} ? hops : std::numeric_limits<std::uint64_t>::max();
}

// An id that is safe in logs and answers.
bool is_request_id(std::string_view text) {
  constexpr std::size_t longest = 128;
  return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-._~:/+=@").find(c) != std::string_view::npos;
  });
}

// The hops that can be parsed, without their ports, and the proxy itself. If the client is unknown, hops left of the
// one that cannot be parsed are dropped: no listed proxy has confirmed them.
std::string chain_behind(const ForwardedRequest& request) {
  std::string chain;
  for (const std::string_view hop : claimed_hops(request.head.fields)) {
    if (const std::optional<AddressBytes> address = read_hop(hop)) {
      chain += address_text(*address) + ", ";
    } else if (request.client_ip == unknown_client) {
      chain.clear();
    }
  }
  chain += as_ip(request.peer_ip);
  return chain;
}

void write_claims(const ForwardedRequest& request, http1::HeadWriter& head) {
  std::string_view proto = request.scheme;
  std::string_view host = request.head.authority;
  if (request.from_proxy) {
    head.field("X-Forwarded-For", chain_behind(request));
    if (const std::string_view claimed = claimed_scheme(request.head.fields); !claimed.empty()) proto = claimed;
    if (const std::string_view claimed = claimed_host(request.head.fields); !claimed.empty()) host = claimed;
  } else {
    head.field("X-Forwarded-For", as_ip(request.peer_ip));
  }
  head.field("X-Forwarded-Proto", proto);
  head.field("X-Forwarded-Host", host);
}

// The protocols that the request wants to upgrade to, without h2c, which an app is never asked for.
void read_upgrade(const http::RequestHead& head, std::string& upgrade) {
  upgrade.clear();
  if (head.minor_version != 1 || !http::has_token(head.fields, "Connection", "upgrade")) return;
  http::any_token(head.fields, "Upgrade", [&](std::string_view protocol) {
    if (equal_nocase(protocol, "h2c")) return false;
    if (!upgrade.empty()) upgrade += ", ";
    upgrade += protocol;
    return false;
  });
}

void write_via(std::string_view tunnel, std::string_view broker_id, std::string& out) {
  out += "Via: ";
  out += via_mark;
  out += tunnel;
  out += '.';
  out += broker_id;
  out += "\r\n";
}

}  // namespace

void write_forwarded_head(const ForwardedRequest& request, std::string_view tunnel, std::string& out,
                          std::string& upgrade) {
  const http::Fields& fields = request.head.fields;
  read_upgrade(request.head, upgrade);
  http1::HeadWriter head(out);
  head.request_line(request.head.method, request.head.target);
  const http::HopByHop hop_by_hop(fields);
  bool has_host = false;
  std::string_view asked_as;   // the visitor's X-Request-Id
  std::string_view client_id;  // ... and its X-Client-Request-Id
  for (const http::Field& field : fields) {
    if (hop_by_hop.has(field.name)) continue;
    if (request.own_login && equal_nocase(field.name, "Authorization")) continue;
    switch (role_of(field.name)) {
      case Role::plain: break;
      case Role::host: has_host = true; break;
      case Role::framing:
      case Role::checked_claim: continue;
      case Role::claim:
        if (!request.from_proxy) continue;
        break;
      case Role::request_id:
        if (asked_as.empty() && !request.from_proxy && is_request_id(field.value)) asked_as = field.value;
        continue;
      case Role::client_request_id:
        if (client_id.empty() && is_request_id(field.value)) client_id = field.value;
        continue;
      case Role::expect:
        // RFC 9110 10.1.1: it has no meaning in HTTP/1.0, and the app would take it for 1.1's.
        if (request.head.minor_version == 0) continue;
        break;
      case Role::max_forwards:
        if (const auto hops = read_hops(field.value); counts_hops(request.head.method) && hops && *hops != 0) {
          head.field(field.name, *hops - 1);
          continue;
        }
        break;
    }
    head.field(field.name, field.value);
  }
  if (!has_host) head.field("Host", request.head.authority);
  if (request.body.kind == http::BodySize::Kind::unknown) head.field("Transfer-Encoding", "chunked");
  if (request.body.kind == http::BodySize::Kind::known) head.field("Content-Length", request.body.length);
  write_claims(request, head);
  head.field("X-Request-Id", request.request_id);
  if (asked_as.empty()) asked_as = client_id;
  if (!asked_as.empty()) head.field("X-Client-Request-Id", asked_as);
  write_via(tunnel, request.broker_id, out);
  if (!upgrade.empty()) {
    head.field("Connection", "Upgrade");
    head.field("Upgrade", upgrade);
  }
  head.end();
}

bool switches_as_asked(const http::ResponseHead& head, std::string_view upgrade) {
  if (upgrade.empty() || !http::has_token(head.fields, "Connection", "upgrade")) return false;
  const http::Fields asked{{"Upgrade", upgrade}};
  return http::any_token(head.fields, "Upgrade",
                         [&](std::string_view protocol) { return http::has_token(asked, "Upgrade", protocol); });
}

bool came_round_again(const http::Fields& fields, std::string_view tunnel, std::string_view broker_id) {
  return http::any_token(fields, "Via", [&](std::string_view hop) {
    if (!hop.starts_with(via_mark)) return false;
    hop.remove_prefix(via_mark.size());
    return hop.size() == tunnel.size() + 1 + broker_id.size() && hop.starts_with(tunnel) && hop[tunnel.size()] == '.' &&
           hop.ends_with(broker_id);
  });
}

bool ends_here(const http::RequestHead& head) {
  if (!counts_hops(head.method)) return false;
  return std::any_of(head.fields.begin(), head.fields.end(), [](const http::Field& field) {
    return http::equal_nocase(field.name, "Max-Forwards") && read_hops(field.value) == 0;
  });
}

std::string_view claimed_request_id(const http::Fields& fields) {
  std::string_view id;
  for (const http::Field& field : fields) {
    if (!equal_nocase(field.name, "X-Request-Id")) continue;
    if (!id.empty() || !is_request_id(field.value)) return {};
    id = field.value;
  }
  return id;
}

void write_forwarded_trailers(const http::Fields& trailers, std::string& out) {
  http1::HeadWriter head(out);
  for (const http::Field& field : trailers) {
    // An app may merge trailers into the fields of the head.
    if (role_of(field.name) != Role::plain) continue;
    if (http::allowed_in_trailer(trailers, field.name)) head.field(field.name, field.value);
  }
  head.end();
}

}  // namespace tenfold::broker
