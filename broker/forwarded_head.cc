#include "broker/forwarded_head.h"

#include <optional>

#include "broker/proxy_claims.h"
#include "http1/head_writer.h"

namespace tenfold::broker {
namespace {

using http1::equal_nocase;

constexpr std::string_view via_mark = "1.1 tenfold-";

// What a visitor says of itself and only a listed proxy may say of somebody else.
bool is_forwarding_claim(std::string_view name) {
  return equal_nocase(name, "X-Forwarded-For") || equal_nocase(name, "X-Forwarded-Proto") ||
         equal_nocase(name, "X-Forwarded-Host") || equal_nocase(name, "X-Forwarded-Port") ||
         equal_nocase(name, "X-Forwarded-Server") || equal_nocase(name, "X-Forwarded-Ssl") ||
         equal_nocase(name, "X-Real-IP") || equal_nocase(name, "Forwarded");
}

bool is_framing(std::string_view name) {
  return equal_nocase(name, "Content-Length") || equal_nocase(name, "Transfer-Encoding");
}

// The hops that can be read, without their ports, and the proxy itself. Where the client is unknown, what stands left
// of the hop that could not be read is dropped: no listed proxy has said it.
std::string chain_behind(const ForwardedRequest& request) {
  std::string chain;
  for (const std::string_view hop : claimed_hops(request.head.fields)) {
    if (const std::optional<AddressBytes> address = read_hop(hop)) {
      chain += address_text(*address) + ", ";
    } else if (request.client_ip == unknown_client) {
      chain.clear();
    }
  }
  chain += request.peer_ip;
  return chain;
}

void write_claims(const ForwardedRequest& request, http1::HeadWriter& head) {
  std::string_view proto = request.scheme;
  std::string_view host = request.host;
  if (request.from_proxy) {
    head.field("X-Forwarded-For", chain_behind(request));
    if (const std::string_view claimed = claimed_scheme(request.head.fields); !claimed.empty()) proto = claimed;
    if (const std::string_view claimed = claimed_host(request.head.fields); !claimed.empty()) host = claimed;
  } else {
    head.field("X-Forwarded-For", request.peer_ip);
  }
  head.field("X-Forwarded-Proto", proto);
  head.field("X-Forwarded-Host", host);
}

}  // namespace

void write_forwarded_head(const ForwardedRequest& request, std::string_view tunnel, std::string& out,
                          std::string& upgrade) {
  const http1::Fields& fields = request.head.fields;
  upgrade.clear();
  if (http1::has_token(fields, "Connection", "upgrade") && request.head.minor_version == 1) {
    http1::any_token(fields, "Upgrade", [&](std::string_view protocol) {
      if (equal_nocase(protocol, "h2c")) return false;
      if (!upgrade.empty()) upgrade += ", ";
      upgrade += protocol;
      return false;
    });
  }

  http1::HeadWriter head(out);
  head.request_line(request.head.method, request.target);
  const http1::HopByHop hop_by_hop(fields);
  bool has_id = false;
  for (const http1::Field& field : fields) {
    if (hop_by_hop.has(field.name) || is_framing(field.name) || is_forwarding_claim(field.name)) continue;
    has_id = has_id || equal_nocase(field.name, "X-Request-Id");
    head.field(field.name, field.value);
  }
  if (request.framing.kind == http1::Framing::Kind::chunked) head.field("Transfer-Encoding", "chunked");
  if (request.framing.kind == http1::Framing::Kind::length) head.field("Content-Length", request.framing.length);
  write_claims(request, head);
  if (!has_id) head.field("X-Request-Id", request.request_id);
  out += "Via: ";
  out += via_mark;
  out += tunnel;
  out += "\r\n";
  if (!upgrade.empty()) {
    head.field("Connection", "Upgrade");
    head.field("Upgrade", upgrade);
  }
  head.end();
}

bool switches_as_asked(const http1::ResponseHead& head, std::string_view upgrade) {
  if (upgrade.empty() || !http1::has_token(head.fields, "Connection", "upgrade")) return false;
  const http1::Fields asked{{"Upgrade", upgrade}};
  return http1::any_token(head.fields, "Upgrade",
                          [&](std::string_view protocol) { return http1::has_token(asked, "Upgrade", protocol); });
}

bool came_round_again(const http1::Fields& fields, std::string_view tunnel) {
  return http1::any_token(fields, "Via", [&](std::string_view hop) {
    return hop.starts_with(via_mark) && hop.substr(via_mark.size()) == tunnel;
  });
}

void write_trailers(const http1::Fields& trailers, std::string& out) {
  http1::HeadWriter head(out);
  for (const http1::Field& field : trailers) {
    if (http1::allowed_in_trailer(trailers, field.name)) head.field(field.name, field.value);
  }
  head.end();
}

}  // namespace tenfold::broker
