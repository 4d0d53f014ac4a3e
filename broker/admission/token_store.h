// TokenStore: the tokens of a token file, to be looked up. Immutable: a reload makes another one.
//
//   if (const Token* token = store.find(secret)) …     // by the secret that a client shows
//   store.named("team-a")                              // null: there is none, or not any more
//   store.reserved_from(token, "team-a-web")           // `token` null: the client has none
//
// find() takes as long for any secret and any number of tokens: the index goes by a hash whose key nobody knows, so
// neither the order of comparisons nor their length says anything about a secret or its hash.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/admission/token.h"

namespace tenfold::broker {

class TokenStore {
 public:
  // No two have one name or one hash: read_token_file() sees to that.
  explicit TokenStore(std::vector<Token> tokens);

  const Token* find(std::string_view secret) const;
  const Token* named(std::string_view name) const;

  // Whether the name is reserved, and not for this token.
  bool reserved_from(const Token* token, std::string_view name) const;
  bool has_reserved() const { return !reserving_.empty(); }

  const std::vector<Token>& all() const { return tokens_; }

 private:
  std::string key_of(std::string_view hash) const;

  const std::vector<Token> tokens_;
  const std::string index_key_;
  std::unordered_map<std::string, std::size_t> by_hash_;  // by key_of(): the place in tokens_
  std::unordered_map<std::string, std::size_t> by_name_;
  std::vector<std::size_t> reserving_;
};

}  // namespace tenfold::broker
