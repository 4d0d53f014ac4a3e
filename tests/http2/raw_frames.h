// HTTP/2 frames by hand, for peers that no library would be.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenfold::test::raw {

enum Type : std::uint8_t {
  data = 0,
  headers = 1,
  priority = 2,
  rst_stream = 3,
  settings = 4,
  push_promise = 5,
  ping = 6,
  goaway = 7,
  window_update = 8,
  continuation = 9,
};
inline constexpr std::uint8_t end_stream = 0x1;
inline constexpr std::uint8_t ack = 0x1;
inline constexpr std::uint8_t end_headers = 0x4;

inline constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string number(std::uint64_t value, int octets) {
  std::string out;
  while (octets-- > 0) out += static_cast<char>(value >> (8 * octets));
  return out;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::string_view payload = {}) {
  return number(payload.size(), 3) + number(type, 1) + number(flags, 1) + number(id, 4) + std::string(payload);
}

using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// HPACK: literal fields without indexing, strings without Huffman.
inline std::string block(Fields fields) {
  const auto text = [](std::string_view t) {
    if (t.size() < 127) return number(t.size(), 1) + std::string(t);
    std::string out = number(127, 1);
    std::size_t rest = t.size() - 127;
    for (; rest >= 128; rest >>= 7) out += static_cast<char>((rest & 0x7f) | 0x80);
    return out + static_cast<char>(rest) + std::string(t);
  };
  std::string out;
  for (const auto& [name, value] : fields) out += '\0' + text(name) + text(value);
  return out;
}

inline std::string head(std::uint32_t id, Fields fields, std::uint8_t flags = 0) {
  return frame(headers, static_cast<std::uint8_t>(end_headers | flags), id, block(fields));
}
inline std::string connect(std::uint32_t id, std::string_view name) {
  return head(id, {{":method", "CONNECT"}, {":authority", name}});
}
inline std::string setting(std::uint16_t id, std::uint32_t value) { return number(id, 2) + number(value, 4); }
inline std::string reset(std::uint32_t id, std::uint32_t code) { return frame(rst_stream, 0, id, number(code, 4)); }
inline std::string open_window(std::uint32_t id, std::uint32_t by) {
  return frame(window_update, 0, id, number(by, 4));
}

// How each side of a link begins, the control stream included.
inline std::string broker_start() { return std::string(preface) + frame(settings, 0, 0) + connect(1, "control"); }
inline std::string agent_start(std::string_view entries = {}) {
  return frame(settings, 0, 0, entries) + head(1, {{":status", "200"}});
}

struct Frame {
  std::uint8_t type;
  std::uint8_t flags;
  std::uint32_t id;
  std::string payload;

  std::uint32_t number_at(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<std::uint8_t>(payload.at(i));
    return value;
  }
};

// Whole frames, behind a preface or not.
inline std::vector<Frame> parse(std::string_view bytes) {
  if (bytes.starts_with(preface)) bytes.remove_prefix(preface.size());
  const auto octet = [&bytes](std::size_t at) { return std::uint32_t{static_cast<std::uint8_t>(bytes.at(at))}; };
  std::vector<Frame> frames;
  while (!bytes.empty()) {
    const std::size_t length = octet(0) << 16 | octet(1) << 8 | octet(2);
    const std::uint32_t id = (octet(5) & 0x7f) << 24 | octet(6) << 16 | octet(7) << 8 | octet(8);
    frames.push_back({static_cast<std::uint8_t>(octet(3)), static_cast<std::uint8_t>(octet(4)), id,
                      std::string(bytes.substr(9, length))});
    bytes.remove_prefix(9 + length);
  }
  return frames;
}

}  // namespace tenfold::test::raw
