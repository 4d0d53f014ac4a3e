// Questions about fields: names compared without case, lists, and the sets of names that RFC 9110 gives a meaning to.
// Asked several times for every message, so names are first compared by length.
#include "http/head.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "http/octets.h"

namespace tenfold::http {

namespace {

// The eight octets of `word`, with each A-Z in lower case.
std::uint64_t lower(std::uint64_t word) {
  constexpr std::uint64_t ones = ~std::uint64_t{0} / 255;
  constexpr std::uint64_t tops = ones * 0x80;
  const std::uint64_t low = word & ~tops;
  const std::uint64_t from_a = low + ones * (0x80 - 'A');    // the top bit is set where the octet >= 'A'
  const std::uint64_t beyond_z = low + ones * (0x7f - 'Z');  // ... where it > 'Z'
  return word | (((from_a ^ beyond_z) & ~word & tops) >> 2);
}

template <typename Word>
std::uint64_t load(const char* p) {
  Word word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// A text of 0 to 8 octets as one number: two texts of one length are equal exactly if their numbers are.
std::uint64_t load_short(const char* p, std::size_t n) {
  if (n >= 4) return load<std::uint32_t>(p) << 32 | load<std::uint32_t>(p + n - 4);
  if (n == 0) return 0;
  return load<std::uint8_t>(p) << 16 | load<std::uint8_t>(p + n / 2) << 8 | load<std::uint8_t>(p + n - 1);
}

// Fields that a trailer section must never carry, besides the hop-by-hop fields and the prefixes in
// allowed_in_trailer().
constexpr std::array<std::string_view, 25> never_in_trailer{
    // framing, and how to read the content
    "content-length", "content-encoding", "content-range", "content-type", "trailer",
    // routing, and who speaks
    "host", "forwarded", "via", "x-real-ip", "max-forwards",
    // request modifiers and response control
    "cache-control", "expect", "pragma", "range", "date", "expires", "location", "retry-after", "vary", "age",
    // authentication
    "authorization", "www-authenticate", "authentication-info", "cookie", "set-cookie"};

bool starts_with_nocase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equal_nocase_same_size(text.data(), prefix.data(), prefix.size());
}

// The names of RFC 9110 7.6.1, without those that a Connection field adds. No length has more than two of them.
bool is_always_hop_by_hop(std::string_view name) {
  switch (name.size()) {
    case 2: return equal_nocase(name, "te");
    case 7: return equal_nocase(name, "upgrade");
    case 10: return equal_nocase(name, "connection") || equal_nocase(name, "keep-alive");
    case 16: return equal_nocase(name, "proxy-connection");
    case 17: return equal_nocase(name, "transfer-encoding");
    case 18: return equal_nocase(name, "proxy-authenticate");
    case 19: return equal_nocase(name, "proxy-authorization");
    default: return false;
  }
}

// RFC 9110 7.6.1: "A sender MUST NOT send a connection option corresponding to a field that is intended for all
// recipients of the content". A client that names one tries to hide it from the app or the next proxy.
bool is_for_all(std::string_view name) {
  constexpr std::array<std::string_view, 14> for_all{
      "host",          "content-length", "via",           "max-forwards", "forwarded",
      "expect",        "trailer",        "cache-control", "content-type", "content-encoding",
      "content-range", "authorization",  "cookie",        "range"};
  return std::any_of(for_all.begin(), for_all.end(), [&](std::string_view each) { return equal_nocase(each, name); });
}

}  // namespace

bool equal_nocase_same_size(const char* a, const char* b, std::size_t n) {
  if (n < 8) return lower(load_short(a, n)) == lower(load_short(b, n));
  for (std::size_t i = 0; i + 8 < n; i += 8) {
    if (lower(load<std::uint64_t>(a + i)) != lower(load<std::uint64_t>(b + i))) return false;
  }
  // The last eight, which overlap those before them.
  return lower(load<std::uint64_t>(a + n - 8)) == lower(load<std::uint64_t>(b + n - 8));
}

const Field* find(const Fields& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (equal_nocase(field.name, name)) return &field;
  }
  return nullptr;
}

std::size_t count(const Fields& fields, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(fields.begin(), fields.end(), [&](const Field& f) { return equal_nocase(f.name, name); }));
}

bool has_token(const Fields& fields, std::string_view name, std::string_view token) {
  return any_token(fields, name, [&](std::string_view each) { return equal_nocase(each, token); });
}

HopByHop::HopByHop(const Fields& fields)
    : named_in_(any_token(fields, "connection", [](std::string_view name) { return !is_always_hop_by_hop(name); })
                    ? &fields
                    : nullptr) {}

bool HopByHop::has(std::string_view name) const {
  return is_always_hop_by_hop(name) ||
         (named_in_ != nullptr && has_token(*named_in_, "connection", name) && !is_for_all(name));
}

bool wants_keep_alive(int minor_version, const Fields& fields) {
  // RFC 9112 9.3: "If the "close" connection option is present, the connection will not persist
  // after the current response; else, If the received protocol is HTTP/1.1 (or later), the
  // connection will persist …; else, If the received protocol is HTTP/1.0, the "keep-alive"
  // connection option is present, … the connection will persist".
  if (has_token(fields, "connection", "close")) return false;
  return minor_version >= 1 || has_token(fields, "connection", "keep-alive");
}

bool allowed_in_trailer(const Fields& trailers, std::string_view name) {
  if (HopByHop(trailers).has(name)) return false;
  for (const std::string_view prefix : {"x-forwarded-", "proxy-", "if-"}) {
    if (starts_with_nocase(name, prefix)) return false;
  }
  return std::none_of(never_in_trailer.begin(), never_in_trailer.end(),
                      [&](std::string_view never) { return equal_nocase(never, name); });
}

}  // namespace tenfold::http
