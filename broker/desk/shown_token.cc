#include "broker/desk/shown_token.h"

#include <algorithm>
#include <optional>

#include "broker/admission/token.h"
#include "broker/tunnels/visitor_policy.h"

namespace tenfold::broker {
namespace {

constexpr std::string_view query_key = "token=";

// "/tf_SECRET/…": where the slash behind the secret stands; npos: there is no secret.
std::size_t end_of_path_secret(std::string_view path) {
  if (!path.starts_with('/') || !path.substr(1).starts_with(secret_prefix)) return std::string_view::npos;
  return std::min(path.find('/', 1), path.size());
}

// The value of the query's `token`, which has at least one character.
std::string_view query_secret(std::string_view query) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    if (part.starts_with(query_key) && part.size() > query_key.size()) return part.substr(query_key.size());
    query.remove_prefix(std::min(part.size() + 1, query.size()));
  }
  return {};
}

}  // namespace

std::string shown_token(const http::RequestHead& head) {
  const http::Field* field = http::find(head.fields, "Authorization");
  if (field == nullptr) return std::string(read_own_target(head.target).secret);
  constexpr std::string_view bearer = "Bearer ";
  if (field->value.size() > bearer.size() && http::equal_nocase(field->value.substr(0, bearer.size()), bearer)) {
    return std::string(field->value.substr(bearer.size()));
  }
  const std::optional<Credentials> basic = basic_credentials(head.fields);
  // What is neither is a wrong token, and not none.
  return basic && !basic->password.empty() ? basic->password : std::string(field->value);
}

OwnTarget read_own_target(std::string_view target) {
  const std::size_t question = std::min(target.find('?'), target.size());
  OwnTarget read{target.substr(0, question), target.substr(std::min(question + 1, target.size())), {}};
  const std::size_t end = end_of_path_secret(read.path);
  if (end != std::string_view::npos) {
    read.secret = read.path.substr(1, end - 1);
    read.path.remove_prefix(end);
  } else {
    read.secret = query_secret(read.query);
  }
  return read;
}

}  // namespace tenfold::broker
