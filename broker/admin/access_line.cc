#include "broker/admin/access_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>

#include "broker/desk/shown_token.h"
#include "broker/tunnels/tunnel_name.h"
#include "http/failure_texts.h"

namespace tenfold::broker {
namespace {

constexpr std::string_view hidden_path = "/...";

template <std::size_t size>
char* put(char* out, const char (&literal)[size]) {
  std::memcpy(out, literal, size - 1);
  return out + size - 1;
}

// Plain text of ours, or that was checked to be plain. Most of it is short: words are copied in place of a call, the
// last one perhaps over a part of the one before.
char* put_text(char* out, std::string_view text) {
  constexpr std::size_t word = sizeof(std::uint64_t);
  constexpr std::size_t half = word / 2;
  const std::size_t size = text.size();
  if (size < half) {
    for (std::size_t i = 0; i < size; ++i) out[i] = text[i];
    return out + size;
  }
  if (size < word) {
    std::memcpy(out, text.data(), half);
    std::memcpy(out + size - half, text.data() + size - half, half);
    return out + size;
  }
  for (std::size_t i = 0; i + word < size; i += word) std::memcpy(out + i, text.data() + i, word);
  std::memcpy(out + size - word, text.data() + size - word, word);
  return out + size;
}

// "00" to "99".
constexpr std::array<char, 200> pairs = [] {
  std::array<char, 200> table{};
  for (std::size_t i = 0; i < 100; ++i) {
    table[2 * i] = static_cast<char>('0' + i / 10);
    table[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return table;
}();

char* put_pair(char* out, std::uint64_t below_100) {
  std::memcpy(out, pairs.data() + 2 * below_100, 2);
  return out + 2;
}

char* put_number(char* out, std::uint64_t number) {
  if (number < 10) {
    *out = static_cast<char>('0' + number);
    return out + 1;
  }
  if (number < 100) return put_pair(out, number);
  if (number >= 10'000) {
    constexpr std::size_t most_digits = 20;
    return std::to_chars(out, out + most_digits, number).ptr;
  }
  if (number < 1000) {
    *out = static_cast<char>('0' + number / 100);
    return put_pair(out + 1, number % 100);
  }
  return put_pair(put_pair(out, number / 100), number % 100);
}

char* put_micros(char* out, Duration time) {
  const Duration::rep micros = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  return put_number(out, static_cast<std::uint64_t>(std::max<Duration::rep>(micros, 0)));
}

// Bytes that stand for themselves in a JSON string.
constexpr std::array<bool, 256> plain = [] {
  std::array<bool, 256> table{};
  for (std::size_t i = 0x20; i < 0x7f; ++i) table[i] = i != '"' && i != '\\';
  return table;
}();

// A byte that is not printable ASCII becomes %XX, as in a URL: it may be a part of no character at all.
char* put_escaped(char* out, std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (plain[byte]) {
      *out++ = c;
    } else if (c == '"' || c == '\\') {
      *out++ = '\\';
      *out++ = c;
    } else {
      *out++ = '%';
      *out++ = digits[byte >> 4];
      *out++ = digits[byte & 15];
    }
  }
  return out;
}

std::string_view without_query(std::string_view target) { return target.substr(0, target.find('?')); }

// The path of a request to the broker itself, unless it may hold what a client shows to it.
std::string_view own_path(std::string_view target) {
  const std::string_view path = read_own_target(target).path;
  const bool shown =
      path == "/" || path.starts_with("/api/") || (path.starts_with('/') && is_tunnel_name(path.substr(1)));
  return shown ? path : hidden_path;
}

char* put_end(char* out, const RequestRecord& record) {
  if (record.outcome == Outcome::served) return put(out, ",\"outcome\":\"served\",\"origin\":\"app");
  out = put(out, ",\"outcome\":\"");
  out = put_text(out, to_string(record.outcome));
  out = put(out, "\",\"origin\":\"");
  return put_text(out, to_string(record.origin()));
}

char* put_cause(char* out, const RequestRecord& record) {
  if (record.outcome == Outcome::failed) {
    out = put(out, "\",\"code\":\"");
    out = put_text(out, failure_form(record.why).code);
  }
  if (record.outcome == Outcome::rejected) {
    out = put(out, "\",\"reason\":\"");
    out = put_escaped(out, record.reason.substr(0, rules::access_reason));
  }
  if (record.limit != http::Limit::none) {
    out = put(out, "\",\"limit\":\"");
    out = put_text(out, to_string(record.limit));
  }
  return out;
}

}  // namespace

char* write_access_line(char* out, const RequestRecord& record, std::string_view second, unsigned millisecond,
                        bool query) {
  out = put(out, "{\"time\":\"");
  out = put_text(out, second);
  *out++ = '.';
  *out++ = static_cast<char>('0' + millisecond / 100);
  *out++ = static_cast<char>('0' + millisecond / 10 % 10);
  *out++ = static_cast<char>('0' + millisecond % 10);
  out = put(out, "Z\",\"request\":\"");
  out = put_text(out, record.request_id);
  out = put(out, "\",\"tunnel\":\"");
  out = put_text(out, record.tunnel);
  out = put(out, "\",\"peer\":\"");
  out = put_text(out, record.peer);
  if (!record.client.empty()) {
    out = put(out, "\",\"client\":\"");
    out = put_text(out, record.client);
  }
  out = put(out, "\",\"method\":\"");
  out = put_text(out, record.method);
  out = put(out, "\",\"path\":\"");
  const std::string_view path = record.tunnel.empty() ? own_path(record.target)
                                : query               ? std::string_view(record.target)
                                                      : without_query(record.target);
  out = put_escaped(out, path);
  out = put(out, "\",\"status\":");
  out = put_number(out, static_cast<std::uint64_t>(record.status));
  out = put(out, ",\"in\":");
  out = put_number(out, record.body_in);
  out = put(out, ",\"out\":");
  out = put_number(out, record.body_out);
  out = put(out, ",\"edge_us\":");
  out = put_micros(out, record.edge());
  out = put(out, ",\"wait_us\":");
  out = put_micros(out, record.wait());
  out = put(out, ",\"link_us\":");
  out = put_micros(out, record.link);
  out = put(out, ",\"app_us\":");
  out = put_micros(out, record.app());
  out = put(out, ",\"total_us\":");
  out = put_micros(out, record.ended - record.began);
  out = put_end(out, record);
  out = put_cause(out, record);
  return put(out, "\"}\n");
}

}  // namespace tenfold::broker
