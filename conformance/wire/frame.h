// HTTP/2 frames and HPACK as bytes, for valid and invalid frames. RFC 9113, section 4 and 6.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/wire/http1.h"

struct nghttp2_hd_deflater;
struct nghttp2_hd_inflater;

namespace tenfold::conformance {

enum class FrameType : std::uint8_t {
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
  unknown = 0x77,  // an undefined type
};

namespace flag {
inline constexpr std::uint8_t end_stream = 1, ack = 1, end_headers = 4, padded = 8, priority = 0x20;
}

// RFC 9113 7.
namespace h2_error {
inline constexpr std::uint32_t no_error = 0, protocol_error = 1, internal_error = 2, flow_control_error = 3,
                               stream_closed = 5, frame_size_error = 6, refused_stream = 7, cancel = 8,
                               compression_error = 9, connect_error = 10, enhance_your_calm = 11;
}

namespace setting {
inline constexpr std::uint16_t header_table_size = 1, enable_push = 2, max_concurrent_streams = 3,
                               initial_window_size = 4, max_frame_size = 5, max_header_list_size = 6;
}

inline constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr std::size_t frame_head_bytes = 9;
inline constexpr std::size_t max_frame_payload = 16384;

struct Frame {
  FrameType type = FrameType::data;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;

  bool has(std::uint8_t bit) const { return (flags & bit) != 0; }
};

std::string to_wire(const Frame& frame);
const char* to_string(FrameType type);

std::string u32(std::uint32_t value);
std::string u16(std::uint16_t value);
std::uint32_t read_u32(std::string_view bytes);  // the first four

using SettingList = std::vector<std::pair<std::uint16_t, std::uint32_t>>;
Frame settings_frame(const SettingList& settings);
Frame window_frame(std::uint32_t stream, std::uint32_t increment);
Frame reset_frame(std::uint32_t stream, std::uint32_t code);

class HpackWriter {
 public:
  HpackWriter();
  ~HpackWriter();
  HpackWriter(const HpackWriter&) = delete;
  HpackWriter& operator=(const HpackWriter&) = delete;
  std::string write(const FieldList& fields);

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

class HpackReader {
 public:
  HpackReader();
  ~HpackReader();
  HpackReader(const HpackReader&) = delete;
  HpackReader& operator=(const HpackReader&) = delete;
  FieldList read(std::string_view block);  // throws Failure if the block is malformed

 private:
  nghttp2_hd_inflater* inflater_ = nullptr;
};

}  // namespace tenfold::conformance
