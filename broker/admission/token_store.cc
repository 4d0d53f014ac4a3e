#include "broker/admission/token_store.h"

#include <algorithm>
#include <utility>

#include "broker/admission/secret.h"
#include "tls/password.h"

namespace tenfold::broker {
namespace {

constexpr std::size_t key_bytes = 32;

}  // namespace

TokenStore::TokenStore(std::vector<Token> tokens) : tokens_(std::move(tokens)), index_key_(random_bytes(key_bytes)) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    by_hash_[key_of(tokens_[i].hash)] = i;
    by_name_[tokens_[i].name] = i;
    if (tokens_[i].reserve) reserving_.push_back(i);
  }
}

std::string TokenStore::key_of(std::string_view hash) const { return keyed_hash(index_key_, hash); }

const Token* TokenStore::find(std::string_view secret) const {
  const auto found = by_hash_.find(key_of(hash_of_secret(secret)));
  return found == by_hash_.end() ? nullptr : &tokens_[found->second];
}

const Token* TokenStore::named(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : &tokens_[found->second];
}

bool TokenStore::reserved_from(const Token* token, std::string_view name) const {
  if (token != nullptr && token->reserve && token->may_have(name)) return false;
  return std::any_of(reserving_.begin(), reserving_.end(), [&](std::size_t i) { return tokens_[i].may_have(name); });
}

}  // namespace tenfold::broker
