#include "broker/tunnels/name_choice.h"

#include <algorithm>

#include "broker/tunnels/tunnel_name.h"

namespace tenfold::broker {
namespace {

using handshake::Refusal;

constexpr int tries = 16;  // of random names, before all that fit count as reserved

// The first pattern that leaves something to chance; without one, the first name.
std::string_view pattern_of(const Token* token) {
  if (token == nullptr || token->names.empty()) return "*";
  const auto found = std::find_if(token->names.begin(), token->names.end(),
                                  [](const std::string& glob) { return glob.find('*') != std::string::npos; });
  return found == token->names.end() ? token->names.front() : *found;
}

NameChoice any_name(const TokenStore& tokens, const Token* token) {
  const std::string_view pattern = pattern_of(token);
  if (pattern == "*" && !tokens.has_reserved()) return {};
  for (int i = 0; i < tries; ++i) {
    std::string name = random_tunnel_name(pattern);
    if (is_tunnel_name(name) && !tokens.reserved_from(token, name)) return {Refusal::none, std::move(name)};
  }
  return {Refusal::forbidden, {}, "ask for a name: none can be made of " + std::string(pattern)};
}

std::string list_of(const Token& token) {
  std::string list;
  for (const std::string& glob : token.names) list.append(list.empty() ? "" : ", ").append(glob);
  return list;
}

}  // namespace

NameChoice choose_name(const TokenStore* tokens, std::string_view token_name, const WantedName& wanted) {
  std::string name(wanted.name);
  if (tokens == nullptr) return {Refusal::none, std::move(name)};
  const Token* token = token_name.empty() ? nullptr : tokens->named(token_name);
  if (token == nullptr && !token_name.empty()) return {Refusal::unauthorized, {}, {}};
  if (token != nullptr && !token->may_make(wanted.kind)) {
    return {Refusal::forbidden, {}, "nor tunnels of the kind " + std::string(wanted.kind)};
  }
  if (name.empty()) return any_name(*tokens, token);
  if (token != nullptr && !token->may_have(name)) {
    if (wanted.or_another) return any_name(*tokens, token);
    return {Refusal::forbidden, {}, "it allows " + list_of(*token)};
  }
  if (!tokens->reserved_from(token, name)) return {Refusal::none, std::move(name)};
  if (wanted.or_another) return any_name(*tokens, token);
  return {Refusal::forbidden, {}, "it is reserved for another token"};
}

}  // namespace tenfold::broker
