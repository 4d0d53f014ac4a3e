// A parsed HTTP/1.1 head, and small questions about its fields. Everything is a view into the reader that made it
// (head_reader.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tenfold::http {

struct Field {
  std::string_view name;   // as received; compare with equal_nocase()
  std::string_view value;  // without the white space around it
};

using Fields = std::vector<Field>;

struct RequestHead {
  std::string_view method;
  std::string_view target;  // byte for byte; of a ServerStream in origin-form: "/path?query", or "*"
  int minor_version = 1;    // HTTP/1.x
  Fields fields;
  std::string_view authority{};  // of a ServerStream: the requested host, with its port if one was given
};

struct ResponseHead {
  int status = 0;
  std::string_view reason;
  int minor_version = 1;
  Fields fields;
};

// What is wrong with a message: `status` is sent to the visitor, `reason` is logged as `reject reason=…`: a short word
// with dashes, a literal.
struct Fault {
  int status = 0;
  const char* reason = nullptr;

  explicit operator bool() const { return reason != nullptr; }
};

// ASCII only, as in RFC 9110 5.1. Most pairs differ in length or first octet, so these are compared inline.
bool equal_nocase_same_size(const char* a, const char* b, std::size_t size);
inline bool equal_nocase(std::string_view a, std::string_view b) {
  if (a.size() != b.size() || a.empty()) return a.size() == b.size();
  return ((a[0] ^ b[0]) & ~0x20) == 0 && equal_nocase_same_size(a.data(), b.data(), a.size());
}

// Without the spaces and tabs around it: OWS of RFC 9110 5.6.3.
inline std::string_view trim_blanks(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// The first field with that name, or null.
const Field* find(const Fields& fields, std::string_view name);
std::size_t count(const Fields& fields, std::string_view name);

// Calls `each(token)` for every element of a comma-separated list (RFC 9110 5.6.1) in all fields with that name,
// without empty elements. Stops and returns true when `each` returns true.
template <typename Each>
bool any_token(const Fields& fields, std::string_view name, Each each);

// Whether `token` is in the list fields with that name, compared without case.
bool has_token(const Fields& fields, std::string_view name, std::string_view token);

// RFC 9110 7.6.1: the fields that are for this connection alone: Connection, Proxy-Connection, Keep-Alive, TE,
// Transfer-Encoding, Upgrade, Proxy-Authenticate, Proxy-Authorization, and the names in the head's own Connection
// field. Fields that route, frame, count hops or describe the content stay, even if Connection names them. Made once
// for a head, asked for each field; `fields` must outlive it.
class HopByHop {
 public:
  explicit HopByHop(const Fields& fields);
  bool has(std::string_view name) const;

 private:
  const Fields* named_in_;  // null: Connection names only fields that are hop-by-hop anyway
};

// Whether the connection may serve another message: RFC 9112 9.3.
bool wants_keep_alive(int minor_version, const Fields& fields);

// What a trailer must not carry (RFC 9110 6.5.1): framing, routing, authentication, and hop-by-hop fields.
bool allowed_in_trailer(const Fields& trailers, std::string_view name);

// ---- implementation of the template

template <typename Each>
bool any_token(const Fields& fields, std::string_view name, Each each) {
  for (const Field& field : fields) {
    if (!equal_nocase(field.name, name)) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      const std::string_view token = trim_blanks(rest.substr(0, comma));
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
      if (token.empty()) continue;
      if (each(token)) return true;
    }
  }
  return false;
}

}  // namespace tenfold::http
