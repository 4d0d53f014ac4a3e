// A token file's lines, and what an Admission makes of them.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "broker/admission/admission.h"
#include "broker/admission/token_file.h"

namespace tenfold::broker::test {

inline AdmissionOptions with_tokens(std::string_view lines) {
  const Result<TokenFile> file = parse_token_file(lines, "tokens");
  REQUIRE(file);
  AdmissionOptions options;
  options.tokens = std::make_shared<const TokenStore>(file->tokens());
  return options;
}

// A hashed line; `rules`: what stands behind the hash.
inline std::string hashed_line(const std::string& name, const std::string& secret, const std::string& rules = {}) {
  return name + " sha256:" + encode_base64(hash_of_secret(secret)) + " " + rules + "\n";
}

}  // namespace tenfold::broker::test
