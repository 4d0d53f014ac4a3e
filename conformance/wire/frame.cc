// Frames and HPACK: see frame.h.
#include "conformance/wire/frame.h"

#include <nghttp2/nghttp2.h>

namespace tenfold::conformance {

std::string u16(std::uint16_t value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }

std::string u32(std::uint32_t value) {
  return u16(static_cast<std::uint16_t>(value >> 16)) + u16(static_cast<std::uint16_t>(value));
}

std::uint32_t read_u32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

std::string to_wire(const Frame& frame) {
  return u32(static_cast<std::uint32_t>(frame.payload.size())).substr(1) + static_cast<char>(frame.type) +
         static_cast<char>(frame.flags) + u32(frame.stream) + frame.payload;
}

const char* to_string(FrameType type) {
  static constexpr const char* names[] = {"DATA",         "HEADERS", "PRIORITY", "RST_STREAM",    "SETTINGS",
                                          "PUSH_PROMISE", "PING",    "GOAWAY",   "WINDOW_UPDATE", "CONTINUATION"};
  const auto index = static_cast<std::size_t>(type);
  return index < std::size(names) ? names[index] : "an unknown frame";
}

Frame settings_frame(const SettingList& settings) {
  Frame frame{FrameType::settings, 0, 0, {}};
  for (const auto& [id, value] : settings) frame.payload += u16(id) + u32(value);
  return frame;
}

Frame window_frame(std::uint32_t stream, std::uint32_t increment) {
  return {FrameType::window_update, 0, stream, u32(increment)};
}

Frame reset_frame(std::uint32_t stream, std::uint32_t code) { return {FrameType::rst_stream, 0, stream, u32(code)}; }

HpackWriter::HpackWriter() { nghttp2_hd_deflate_new(&deflater_, 4096); }
HpackWriter::~HpackWriter() { nghttp2_hd_deflate_del(deflater_); }

std::string HpackWriter::write(const FieldList& fields) {
  std::vector<nghttp2_nv> pairs;
  for (const auto& [name, value] : fields) {
    // nghttp2 takes mutable pointers but does not write.
    pairs.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                     reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
                     NGHTTP2_NV_FLAG_NONE});
  }
  std::string block(nghttp2_hd_deflate_bound(deflater_, pairs.data(), pairs.size()), '\0');
  const ssize_t n = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<std::uint8_t*>(block.data()), block.size(),
                                          pairs.data(), pairs.size());
  if (n < 0) fail("the suite could not write a header block");
  block.resize(static_cast<std::size_t>(n));
  return block;
}

HpackReader::HpackReader() { nghttp2_hd_inflate_new(&inflater_); }
HpackReader::~HpackReader() { nghttp2_hd_inflate_del(inflater_); }

FieldList HpackReader::read(std::string_view block) {
  FieldList fields;
  for (;;) {
    nghttp2_nv pair;
    int flags = 0;
    const ssize_t n = nghttp2_hd_inflate_hd2(inflater_, &pair, &flags,
                                             reinterpret_cast<const std::uint8_t*>(block.data()), block.size(), 1);
    if (n < 0) fail("the target sent a header block that is no HPACK");
    block.remove_prefix(static_cast<std::size_t>(n));
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      fields.emplace_back(std::string(reinterpret_cast<const char*>(pair.name), pair.namelen),
                          std::string(reinterpret_cast<const char*>(pair.value), pair.valuelen));
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if (n == 0 && block.empty()) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_);
  return fields;
}

}  // namespace tenfold::conformance
