// Frames that break a link, and odd frames that must not: see link_faults.h.
#include "conformance/cases/link_faults.h"

namespace tenfold::conformance {
namespace {

using enum FrameType;
namespace code = h2_error;

auto one(Frame frame) {
  return [frame = std::move(frame)](LinkPeer& peer, std::uint32_t) { peer.send(frame); };
}

}  // namespace

std::vector<LinkFault> link_faults() {
  const std::vector<std::uint32_t> protocol = {code::protocol_error};
  const std::vector<std::uint32_t> size = {code::frame_size_error, code::protocol_error};
  const std::vector<std::uint32_t> flow = {code::flow_control_error, code::protocol_error};
  return {
      {"data-on-0", "DATA on stream 0", "6.1", one({data, 0, 0, "x"}), protocol},
      {"data-idle",
       "DATA on a stream that was never opened",
       "5.1",
       one({data, 0, 9999, "x"}),
       {code::protocol_error, code::stream_closed}},
      {"headers-on-0", "HEADERS on stream 0", "6.2", one({headers, flag::end_headers, 0, "\x88"}), protocol},
      {"settings-on-1", "SETTINGS on a stream", "6.5", one({settings, 0, 1, ""}), protocol},
      {"settings-5", "SETTINGS of 5 bytes", "6.5", one({settings, 0, 0, "12345"}), size},
      {"settings-ack-6", "an acknowledgement of SETTINGS with a payload", "6.5",
       one({settings, flag::ack, 0, std::string(6, '\0')}), size},
      {"window-too-large", "INITIAL_WINDOW_SIZE of 2^31", "6.5.2",
       [](LinkPeer& peer, std::uint32_t) {
         peer.send(settings_frame({{setting::initial_window_size, 0x80000000u}}));
       },
       flow},
      {"frame-size-small", "MAX_FRAME_SIZE of 100", "6.5.2",
       [](LinkPeer& peer, std::uint32_t) {
         peer.send(settings_frame({{setting::max_frame_size, 100}}));
       },
       protocol},
      {"push-2", "ENABLE_PUSH of 2", "6.5.2",
       [](LinkPeer& peer, std::uint32_t) {
         peer.send(settings_frame({{setting::enable_push, 2}}));
       },
       protocol},
      {"ping-7", "PING of 7 bytes", "6.7", one({ping, 0, 0, "1234567"}), size},
      {"ping-on-1", "PING on a stream", "6.7", one({ping, 0, 1, "12345678"}), protocol},
      {"goaway-on-1", "GOAWAY on a stream", "6.8", one({goaway, 0, 1, std::string(8, '\0')}), protocol},
      {"reset-on-0", "RST_STREAM on stream 0", "6.4", one({rst_stream, 0, 0, u32(8)}), protocol},
      {"reset-3", "RST_STREAM of 3 bytes", "6.4",
       [](LinkPeer& peer, std::uint32_t open) {
         peer.send({rst_stream, 0, open, "abc"});
       },
       size},
      {"reset-idle", "RST_STREAM of a stream that was never opened", "5.1", one({rst_stream, 0, 9999, u32(8)}),
       protocol},
      {"window-0", "WINDOW_UPDATE of 0 for the connection", "6.9", one(window_frame(0, 0)), protocol},
      {"window-3", "WINDOW_UPDATE of 3 bytes", "6.9", one({window_update, 0, 0, "abc"}), size},
      {"window-overflow", "the connection's window raised above 2^31-1", "6.9.1", one(window_frame(0, 0x7fffffff)),
       flow},
      {"window-idle", "WINDOW_UPDATE of a stream that was never opened", "5.1", one(window_frame(9999, 1)), protocol},
      {"continuation-alone", "CONTINUATION without HEADERS", "6.10", one({continuation, flag::end_headers, 1, ""}),
       protocol},
      {"header-interrupted", "a header block interrupted by PING", "4.3",
       [](LinkPeer& peer, std::uint32_t open) {
         peer.send({headers, 0, open, "\x88"});
         peer.send({ping, 0, 0, "12345678"});
       },
       protocol},
      {"hpack",
       "a header block that is no HPACK",
       "4.3",
       [](LinkPeer& peer, std::uint32_t open) {
         peer.send({headers, flag::end_headers, open, "\xff\xff\xff\xff\xff\xff\xff"});
       },
       {code::compression_error, code::protocol_error}},
      {"frame-large", "a frame of 20,000 bytes", "4.2",
       [](LinkPeer& peer, std::uint32_t open) {
         peer.send({data, 0, open, std::string(20'000, 'x')});
       },
       size},
      {"padding", "padding longer than its frame", "6.1",
       [](LinkPeer& peer, std::uint32_t open) {
         peer.send({data, flag::padded, open, "\xffxyz"});
       },
       protocol},
      {"push-promise", "PUSH_PROMISE", "8.4",
       [](LinkPeer& peer, std::uint32_t open) {
         peer.send({push_promise, flag::end_headers, open, u32(1000) + "\x82"});
       },
       protocol},
      {"even-stream", "HEADERS on an even stream that was never opened", "5.1.1",
       one({headers, flag::end_headers, 1000, "\x88"}), protocol},
  };
}

std::vector<LinkOddity> link_oddities() {
  return {
      {"unknown-frame", "a frame of an unknown type is ignored",
       [](LinkPeer& peer, std::uint32_t open) {
         peer.send({unknown, 0xff, 0, "anything"});
         peer.send({unknown, 0xff, open, "anything"});
       }},
      {"unknown-setting", "an unknown setting is ignored",
       [](LinkPeer& peer, std::uint32_t) {
         peer.send(settings_frame({{0x7777, 0xffffffff}}));
       }},
      {"unknown-flags", "unknown flags of a PING are ignored", one({ping, 0xf0, 0, "12345678"})},
      {"priority", "PRIORITY is ignored",
       [](LinkPeer& peer, std::uint32_t open) {
         peer.send({priority, 0, open, u32(1) + "\x10"});
       }},
      {"padded", "padded DATA on the control stream is read without its padding",
       [](LinkPeer& peer, std::uint32_t) {
         peer.send({data, flag::padded, 1, std::string("\x05\x00\x00\x00\x00\x00\x00", 7)});
       }},
      {"settings-again", "SETTINGS in mid-link are acknowledged",
       [](LinkPeer& peer, std::uint32_t) {
         peer.send(settings_frame({{setting::header_table_size, 0}}));
       }},
      {"reset-twice", "RST_STREAM of a stream that was reset just now is ignored",
       [](LinkPeer& peer, std::uint32_t open) {
         peer.reset(open, code::cancel);
         peer.reset(open, code::cancel);
       }},
      {"window-closed", "WINDOW_UPDATE of a stream that was reset just now is ignored",
       [](LinkPeer& peer, std::uint32_t open) {
         peer.reset(open, code::cancel);
         peer.send(window_frame(open, 1000));
       }},
  };
}

std::vector<LinkFlood> link_floods() {
  return {
      {"ping", "PINGs",
       [](std::uint32_t) {
         return to_wire({ping, 0, 0, "12345678"});
       }},
      {"settings", "SETTINGS",
       [](std::uint32_t) {
         return to_wire(settings_frame({{setting::max_header_list_size, 65536}}));
       }},
      {"empty-data", "empty DATA frames",
       [](std::uint32_t open) {
         return to_wire({data, 0, open, ""});
       }},
      {"priority", "PRIORITY frames",
       [](std::uint32_t open) {
         return to_wire({priority, 0, open, u32(0) + "\x10"});
       }},
      {"window-update", "WINDOW_UPDATEs of 1", [](std::uint32_t open) { return to_wire(window_frame(open, 1)); }},
      {"unknown", "frames of an unknown type",
       [](std::uint32_t) {
         return to_wire({unknown, 0, 0, ""});
       }},
      {"pong", "answers to PINGs that nobody sent",
       [](std::uint32_t) {
         return to_wire({ping, flag::ack, 0, "12345678"});
       }},
  };
}

void flood(LinkPeer& peer, const std::string& frame) {
  std::string hundred;
  for (int i = 0; i < 100; ++i) hundred += frame;
  peer.habits.ack_settings = false;
  for (int i = 0; i < 300; ++i) {
    try {
      peer.send_raw(hundred, in(3s));
    } catch (const Lost&) {
      return;  // the target closed the link
    }
    if (peer.comes_true([&] { return peer.ended() || peer.goaway().has_value(); }, 0ms)) return;
  }
  peer.wait_for_failure(in(2s));
}

std::string header_bomb() {
  // Literal with incremental indexing, new name (RFC 7541 6.2.1), of 4,000 bytes; then index 62, the newest entry, 800
  // times.
  const std::string value(3960, 'v');
  const std::string length = std::string("\x7f") + varint(value.size() - 127);
  return std::string("\x88\x40\x01x") + length + value + std::string(800, '\xbe');
}

}  // namespace tenfold::conformance
