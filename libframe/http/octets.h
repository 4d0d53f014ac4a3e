// The octet classes of a head, from RFC 9110 5.5 and 5.6.2. The reader and the writer of heads share them, so that both
// agree on which octets can split a head.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tenfold::http {

inline constexpr std::array<bool, 256> tchar_table = [] {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = table[c + 'a' - 'A'] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<std::uint8_t>(c)] = true;
  return table;
}();

constexpr bool is_tchar(char c) { return tchar_table[static_cast<std::uint8_t>(c)]; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// token = 1*tchar
inline bool is_token(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_tchar); }

// The octets of a request-target: visible ASCII, and raw bytes from 0x80 up, which some clients send unencoded. Only
// the app interprets the path.
inline bool is_target(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<std::uint8_t>(c);
    return octet > 0x20 && octet != 0x7f;
  });
}

// The octets of a field value or a reason phrase: HTAB, SP, VCHAR, obs-text.
constexpr bool is_text_octet(char c) {
  const auto octet = static_cast<std::uint8_t>(c);
  return (octet >= 0x20 && octet != 0x7f) || octet == '\t';
}

// Whether `word` may contain another octet. May report false positives: by the borrow of the subtraction, and for HTAB.
constexpr bool is_suspect(std::uint64_t word) {
  constexpr std::uint64_t ones = ~std::uint64_t{0} / 255;
  const std::uint64_t no_del = word ^ (ones * 0x7f);  // a DEL becomes a zero
  return ((((word - ones * 0x20) & ~word) | ((no_del - ones) & ~no_del)) & ones * 0x80) != 0;
}

// Whether all octets of `text` are text octets. Every octet of every head is checked here: eight at a time, and one at
// a time only where is_suspect() reports one.
inline bool is_text(std::string_view text) {
  const char* const end = text.data() + text.size();
  if (text.size() < 8) return std::all_of(text.data(), end, is_text_octet);
  const auto eight_are_text = [](const char* p) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    return !is_suspect(word) || std::all_of(p, p + 8, is_text_octet);
  };
  for (const char* p = text.data(); end - p > 8; p += 8) {
    if (!eight_are_text(p)) return false;
  }
  return eight_are_text(end - 8);  // overlaps octets that were already checked
}

}  // namespace tenfold::http
