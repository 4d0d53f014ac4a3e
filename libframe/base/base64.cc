#include "base/base64.h"

#include <cstdint>

namespace tenfold {
namespace {

constexpr std::string_view usual = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view for_urls = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Without padding. The bits left over at the end must be zero and fewer than six.
std::optional<std::string> decode(std::string_view text, std::string_view letters) {
  if (text.size() % 4 == 1) return {};
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::size_t value = letters.find(c);
    if (value == std::string_view::npos) return {};
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xffff;
    if ((held += 6) >= 8) out += static_cast<char>(bits >> (held -= 8));
  }
  if ((bits & ((1U << held) - 1)) != 0) return {};
  return out;
}

// Without padding.
std::string encode(std::string_view bytes, std::string_view letters) {
  std::string text;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : bytes) {
    bits = (bits << 8 | static_cast<std::uint8_t>(c)) & 0xffff;
    for (held += 8; held >= 6;) text += letters[bits >> (held -= 6) & 63];
  }
  if (held != 0) text += letters[bits << (6 - held) & 63];
  return text;
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return {};
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  return decode(text, usual);
}

std::optional<std::string> decode_base64url(std::string_view text) { return decode(text, for_urls); }

std::string encode_base64(std::string_view bytes) {
  std::string text = encode(bytes, usual);
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::string encode_base64url(std::string_view bytes) { return encode(bytes, for_urls); }

}  // namespace tenfold
