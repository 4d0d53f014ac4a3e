// Token: what an operator gives to a team or a program, so that it may make tunnels: a secret, of which the broker
// knows the hash, and what may be made with it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tenfold::broker {

// A secret that was made here: this, and 32 random bytes in base64url. The prefix lets scanners of code and logs find
// one that leaked, and tells it from a tunnel's name, which has no `_`.
inline constexpr std::string_view secret_prefix = "tf_";

struct Token {
  std::string name;                  // the owner of the tunnels that are made with it
  std::string hash;                  // SHA-256 of the secret, 32 bytes
  std::vector<std::string> names{};  // globs of the names that it may have; empty: every name
  std::size_t tunnels = 0;           // at once; 0: any number
  std::vector<std::string> kinds{};  // of tunnels; empty: every kind
  bool reserve = false;              // names that fit `names` go to no other token

  bool may_have(std::string_view tunnel_name) const;
  bool may_make(std::string_view kind) const;

  friend bool operator==(const Token&, const Token&) = default;
};

std::string new_secret();

// SHA-256. A random secret of 32 bytes cannot be found by trying, so it needs no slow hash, as a password does.
std::string hash_of_secret(std::string_view secret);

// The registry's owner of what is made with the token of that name: another than any address.
std::string owner_of_token(std::string_view name);

// 1 to 64 of a-z, A-Z, 0-9 and `-._`.
bool is_token_name(std::string_view name);

}  // namespace tenfold::broker
