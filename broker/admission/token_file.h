// The token file: one token a line, by the hash of its secret, so that who reads the file cannot use it:
//
//   team-a sha256:BASE64 names=team-a-*,demo tunnels=20 kinds=http reserve
//
// The name comes first, all behind the hash may be left out. Empty lines and lines that start with '#' are ignored. A
// line of the older form, `SECRET [NAME]`, holds a secret as it is; without a name, one is derived from the secret.
//
// No slow hash: secrets that are made here have 32 random bytes, and nobody finds those by trying.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "broker/admission/token.h"

namespace tenfold::broker {

struct TokenLine {
  std::size_t number = 0;  // from 1
  Token token;
  bool plain = false;  // it holds the secret itself
};

struct TokenFile {
  std::vector<TokenLine> lines;  // those with a token

  std::vector<Token> tokens() const;
  // How many secrets stand in the file as they are.
  std::size_t plain() const;
};

// Errors (usage) name the file and, where there is one, the line.
Result<TokenFile> read_token_file(const std::string& path);
Result<TokenFile> parse_token_file(std::string_view text, const std::string& path);

// Without the line's end.
std::string token_line(const Token& token);

// "a,b": globs or kinds. Errors (usage) say what is none.
Result<std::vector<std::string>> parse_globs(std::string_view list);
Result<std::vector<std::string>> parse_kinds(std::string_view list);

}  // namespace tenfold::broker
