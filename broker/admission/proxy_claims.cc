#include "broker/admission/proxy_claims.h"

#include "http/authority.h"
namespace tenfold::broker {
namespace {

constexpr AddressBytes v4_any{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr AddressBytes v6_any{};

// Empty if there is none.
std::string_view last_element(const http::Fields& fields, std::string_view name) {
  std::string_view value;
  for (const http::Field& field : fields) {
    if (http::equal_nocase(field.name, name)) value = field.value;
  }
  return http::trim_blanks(value.substr(value.rfind(',') + 1));
}

}  // namespace

std::vector<std::string_view> claimed_hops(const http::Fields& fields) {
  std::vector<std::string_view> hops;
  for (const http::Field& field : fields) {
    if (!http::equal_nocase(field.name, "X-Forwarded-For")) continue;
    std::size_t from = 0;
    for (std::size_t comma = 0; comma != std::string_view::npos; from = comma + 1) {
      comma = field.value.find(',', from);
      hops.push_back(http::trim_blanks(field.value.substr(from, comma - from)));
    }
  }
  return hops;
}

std::optional<AddressBytes> read_hop(std::string_view hop) {
  std::optional<AddressBytes> address = parse_address(hop);
  if (!address && http::is_authority(hop)) {
    std::string_view host = http::without_port(hop);
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    address = parse_address(host);
  }
  if (address == v4_any || address == v6_any) return {};
  return address;
}

std::string_view claimed_scheme(const http::Fields& fields) {
  const std::string_view claimed = last_element(fields, "X-Forwarded-Proto");
  for (const std::string_view scheme : {"http", "https"}) {
    if (http::equal_nocase(claimed, scheme)) return scheme;
  }
  return {};
}

std::string_view claimed_host(const http::Fields& fields) {
  const std::string_view claimed = last_element(fields, "X-Forwarded-Host");
  return http::is_authority(claimed) ? claimed : std::string_view{};
}

}  // namespace tenfold::broker
