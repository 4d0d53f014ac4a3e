// LinkPeer: handles received frames, and sends the case's data. Waiting is in link_wait.cc.
#include "conformance/wire/link_peer.h"

#include <algorithm>

namespace tenfold::conformance {

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value > 0x7f; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}

std::string control_wire(std::string_view message) { return varint(message.size()) + std::string(message); }

std::string LinkPeer::Stream::field(std::string_view name) const {
  for (const auto& [key, value] : head) {
    if (key == name) return value;
  }
  return "";
}

LinkPeer::LinkPeer(Http transport, Role role) : transport_(std::move(transport)), role_(role) {
  preface_seen_ = role == Role::broker;
  input_ = std::string(transport_.buffered());
}

void LinkPeer::start(const SettingList& settings) {
  own_settings_ = settings;
  for (const auto& [id, value] : settings) {
    if (id == setting::initial_window_size) wished_window_ = value;
  }
  std::string out;
  if (role_ == Role::broker) out += preface;
  out += to_wire(settings_frame(settings));
  out += to_wire(window_frame(0, (1 << 24) - 65535));
  receive_window_ = 1 << 24;
  transport_.send(out);
}

void LinkPeer::send_head(std::uint32_t id, const FieldList& fields, bool end) {
  const auto flags = static_cast<std::uint8_t>(flag::end_headers | (end ? flag::end_stream : 0));
  send({FrameType::headers, flags, id, writer_.write(fields)});
}

std::uint32_t LinkPeer::open(const std::string& authority, const FieldList& more) {
  const std::uint32_t id = next_id_;
  next_id_ += 2;
  Stream& stream = streams_[id];
  stream.opened = true;
  stream.send_window = peer_setting(setting::initial_window_size, 65535);
  stream.receive_window = own_initial_window_;
  FieldList fields = {{":method", "CONNECT"}, {":authority", authority}};
  fields.insert(fields.end(), more.begin(), more.end());
  send_head(id, fields);
  return id;
}

std::size_t LinkPeer::send_what_fits(std::uint32_t id, std::string_view bytes) {
  Stream& to = streams_[id];
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const std::int64_t room = std::min(send_window_, to.send_window);
    if (room <= 0 || to.reset) break;
    const std::string_view piece =
        bytes.substr(sent, std::min<std::size_t>(static_cast<std::size_t>(room), max_frame_payload));
    send({FrameType::data, 0, id, std::string(piece)});
    sent += piece.size();
    send_window_ -= static_cast<std::int64_t>(piece.size());
    to.send_window -= static_cast<std::int64_t>(piece.size());
  }
  return sent;
}

void LinkPeer::send_data(std::uint32_t id, std::string_view bytes, bool end, Deadline deadline) {
  while (!bytes.empty()) {
    bytes.remove_prefix(send_what_fits(id, bytes));
    if (bytes.empty()) break;
    wait_until([&] { return std::min(send_window_, streams_[id].send_window) > 0 || streams_[id].reset; },
               "credit for stream " + std::to_string(id), deadline);
    if (streams_[id].reset) fail("stream " + std::to_string(id) + " was reset while bytes for it were left");
  }
  if (end) send({FrameType::data, flag::end_stream, id, ""});
}

void LinkPeer::send_control(const control::ControlMessage& message) {
  send_data(1, control_wire(message.SerializeAsString()));
}

void LinkPeer::credit_stream(std::uint32_t id, std::uint32_t bytes) {
  streams_[id].receive_window += bytes;
  send(window_frame(id, bytes));
}

void LinkPeer::take(const Frame& frame) {
  if (!any_frame_) first_frame_ = frame.type;
  any_frame_ = true;
  if (block_stream_ != 0 && frame.type != FrameType::continuation) {
    fail(std::string("a header block is interrupted by ") + to_string(frame.type));
  }
  switch (frame.type) {
    case FrameType::data: take_data_frame(frame); break;
    case FrameType::headers: {
      std::string_view block = frame.payload;
      if (frame.has(flag::padded)) {
        const auto pad = static_cast<std::uint8_t>(block.front());
        block = block.substr(1, block.size() - 1 - pad);
      }
      if (frame.has(flag::priority)) block.remove_prefix(5);
      take_block(frame.stream, frame.flags, std::string(block));
      break;
    }
    case FrameType::continuation:
      if (frame.stream != block_stream_) fail("a CONTINUATION that continues nothing");
      take_block(frame.stream, static_cast<std::uint8_t>(block_flags_ | (frame.flags & flag::end_headers)),
                 std::exchange(block_, {}) + frame.payload);
      break;
    case FrameType::rst_stream:
      if (!has_stream(frame.stream)) fail("RST_STREAM for a stream that was never opened");
      streams_[frame.stream].reset = read_u32(frame.payload);
      break;
    case FrameType::settings: take_settings(frame); break;
    case FrameType::push_promise: fail("a PUSH_PROMISE");
    case FrameType::ping:
      if (frame.payload.size() != 8) fail("a PING that is not of 8 bytes");
      if (frame.has(flag::ack)) {
        ++pongs_;
      } else {
        ++pings_;
        if (habits.answer_pings) send({FrameType::ping, flag::ack, 0, frame.payload});
      }
      break;
    case FrameType::goaway:
      goaway_ = GoAway{read_u32(frame.payload) & 0x7fffffff, read_u32(std::string_view(frame.payload).substr(4))};
      break;
    case FrameType::window_update: {
      const std::uint32_t increment = read_u32(frame.payload) & 0x7fffffff;
      if (increment == 0) fail("a WINDOW_UPDATE of 0");
      std::int64_t& window = frame.stream == 0 ? send_window_ : streams_[frame.stream].send_window;
      window += increment;
      if (window > 0x7fffffff) fail("a window raised above 2^31-1");
      break;
    }
    default: break;
  }
}

void LinkPeer::take_block(std::uint32_t id, std::uint8_t flags, std::string block) {
  if ((flags & flag::end_headers) == 0) {
    block_ = std::move(block);
    block_stream_ = id;
    block_flags_ = flags;
    return;
  }
  block_stream_ = 0;
  const FieldList fields = reader_.read(block);
  if (role_ == Role::agent && !has_stream(id)) {
    // RFC 9113 5.1.1: "the identifier of a newly established stream MUST be numerically greater than all streams that
    // the initiating endpoint has opened".
    if (id % 2 == 0) fail("the broker opened stream " + std::to_string(id) + ", an even id");
    if (!opened_.empty() && id <= opened_.back())
      fail("the broker opened stream " + std::to_string(id) + " after a higher one");
    opened_.push_back(id);
    if (id != 1) fresh_.push_back(id);
    if (id != 1) visitors_.push_back(id);
    streams_[id].opened = true;
    streams_[id].send_window = peer_setting(setting::initial_window_size, 65535);
    streams_[id].receive_window = own_initial_window_;
  }
  if (!has_stream(id)) fail("HEADERS for a stream that was never opened: " + std::to_string(id));
  Stream& stream = streams_[id];
  if (!stream.has_head) stream.head = fields;
  stream.has_head = true;
  if ((flags & flag::end_stream) != 0) stream.ended = true;
}

void LinkPeer::take_data_frame(const Frame& frame) {
  if (!has_stream(frame.stream)) fail("DATA for a stream that was never opened: " + std::to_string(frame.stream));
  Stream& from = streams_[frame.stream];
  if (from.ended && !frame.payload.empty()) fail("DATA after END_STREAM on stream " + std::to_string(frame.stream));
  const auto size = static_cast<std::int64_t>(frame.payload.size());
  receive_window_ -= size;
  from.receive_window -= size;
  if (size > 0 && receive_window_ < 0) fail("the target overran the connection's window");
  if (size > 0 && from.receive_window < 0)
    fail("the target overran the window of stream " + std::to_string(frame.stream));
  std::string_view bytes = frame.payload;
  if (frame.has(flag::padded)) bytes = bytes.substr(1, bytes.size() - 1 - static_cast<std::uint8_t>(bytes.front()));
  from.data += bytes;
  from.received += bytes.size();
  if (frame.has(flag::end_stream)) from.ended = true;
  // Before the credit: sending it may reveal that the peer has closed after its last frame.
  if (frame.stream == 1) read_controls();
  if (habits.credit_connection && size > 0) {
    receive_window_ += size;
    send(window_frame(0, static_cast<std::uint32_t>(size)));
  }
  if (habits.credit_streams && size > 0 && !from.over()) credit_stream(frame.stream, static_cast<std::uint32_t>(size));
}

void LinkPeer::take_settings(const Frame& frame) {
  if (frame.has(flag::ack)) {
    settings_acked_ = true;
    // RFC 9113 6.9.2: from here on the target uses the windows that our SETTINGS ask for, also for open streams.
    const std::int64_t change = static_cast<std::int64_t>(wished_window_) - own_initial_window_;
    for (auto& [number, stream] : streams_) stream.receive_window += change;
    own_initial_window_ = wished_window_;
    return;
  }
  for (std::size_t i = 0; i + 6 <= frame.payload.size(); i += 6) {
    const std::string_view entry = std::string_view(frame.payload).substr(i, 6);
    const auto id = static_cast<std::uint16_t>(read_u32(u16(0) + std::string(entry.substr(0, 2))));
    const std::uint32_t value = read_u32(entry.substr(2));
    if (id == setting::initial_window_size) {
      // RFC 9113 6.9.2: the windows of open streams change with it.
      const std::int64_t change = static_cast<std::int64_t>(value) - peer_setting(setting::initial_window_size, 65535);
      for (auto& [number, stream] : streams_) stream.send_window += change;
    }
    settings_[id] = value;
  }
  settings_seen_ = true;
  if (habits.ack_settings) send({FrameType::settings, flag::ack, 0, ""});
}

void LinkPeer::read_controls() {
  Stream& control = streams_[1];
  control_bytes_ += std::exchange(control.data, {});
  for (;;) {
    std::uint64_t size = 0;
    std::size_t used = 0;
    for (; used < control_bytes_.size() && used < 5; ++used) {
      const auto octet = static_cast<std::uint8_t>(control_bytes_[used]);
      size |= static_cast<std::uint64_t>(octet & 0x7f) << (7 * used);
      if ((octet & 0x80) == 0) break;
    }
    if (used == 5) fail("a control message's length of more than 5 bytes");
    if (used == control_bytes_.size() || control_bytes_.size() < used + 1 + size) return;
    if (size > 65536) fail("a control message of " + std::to_string(size) + " bytes");
    control::ControlMessage message;
    if (!message.ParseFromString(control_bytes_.substr(used + 1, size))) fail("a control message that is no protobuf");
    control_bytes_.erase(0, used + 1 + size);
    controls_.push_back(std::move(message));
  }
}

}  // namespace tenfold::conformance
