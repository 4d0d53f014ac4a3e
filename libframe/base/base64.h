// Base64 (RFC 4648): section 4 with its padding, and section 5, for URLs and fields, without.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tenfold {

// nullopt for malformed text.
std::optional<std::string> decode_base64(std::string_view text);
std::optional<std::string> decode_base64url(std::string_view text);

std::string encode_base64(std::string_view bytes);
std::string encode_base64url(std::string_view bytes);

}  // namespace tenfold
