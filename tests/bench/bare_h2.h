// The floor of the link: two nghttp2 sessions back to back with the least that makes them run: no guard, no fairness,
// no windows that grow. The client opens streams, the server answers, as broker and agent do.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>

#include "base/bytes.h"
#include "base/limits.h"
#include "link_wire.h"

namespace tenfold::bench {

class BareH2 {
 public:
  // How one end's frames reach the other end: `from_client` tells which way they go.
  using Carry = std::function<void(bool from_client, Bytes frames)>;

  explicit BareH2(Carry carry) : carry_(std::move(carry)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_closed_streams(option, 1);
    for (End* end : {&client_, &server_}) end->of = this;
    nghttp2_session_client_new2(&client_.session, callbacks, &client_, option);
    nghttp2_session_server_new2(&server_.session, callbacks, &server_, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits::stream_window_most};
    for (End* end : {&client_, &server_}) {
      nghttp2_submit_settings(end->session, NGHTTP2_FLAG_NONE, &window, 1);
      nghttp2_session_set_local_window_size(end->session, NGHTTP2_FLAG_NONE, 0, limits::link_window);
    }
    pump();
  }
  ~BareH2() {
    nghttp2_session_del(client_.session);
    nghttp2_session_del(server_.session);
  }
  BareH2(const BareH2&) = delete;
  BareH2& operator=(const BareH2&) = delete;

  // A stream that is asked for without a byte and answered with so many.
  void stream(std::size_t answer) {
    answer_ = answer;
    open();
    pump();
    must(std::exchange(client_.ended, 0) == 1, "a stream that did not end");
  }

  // So many streams together, none with a byte.
  void short_streams(std::size_t count) {
    answer_ = 0;
    for (std::size_t i = 0; i < count; ++i) open();
    pump();
    must(std::exchange(client_.ended, 0) == count, "streams that did not end");
  }

  // What came for one of the ends.
  void receive(bool at_client, Bytes frames) {
    const End& end = at_client ? client_ : server_;
    const ssize_t taken = nghttp2_session_mem_recv(end.session, frames.data(), frames.size());
    must(taken >= 0, nghttp2_strerror(static_cast<int>(taken)));
  }

 private:
  struct End {
    BareH2* of = nullptr;
    nghttp2_session* session = nullptr;
    std::size_t left = 0;   // bytes still to be sent: of one stream at a time
    std::size_t heard = 0;  // bytes that came
    std::size_t ended = 0;  // streams
  };

  static nghttp2_nv field(const char* name, const char* value) {
    return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name)),
            reinterpret_cast<std::uint8_t*>(const_cast<char*>(value)), std::strlen(name), std::strlen(value),
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
  }

  static ssize_t read(nghttp2_session*, std::int32_t, std::uint8_t* room, std::size_t size, std::uint32_t* flags,
                      nghttp2_data_source*, void* user) {
    End& end = *static_cast<End*>(user);
    const std::size_t n = std::min(size, end.left);
    std::memset(room, 'x', n);
    end.left -= n;
    if (end.left == 0) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(n);
  }

  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t*, std::size_t size, void* user) {
    static_cast<End*>(user)->heard += size;
    return 0;
  }

  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    End& end = *static_cast<End*>(user);
    // The same bit means ACK in other frames.
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    ++end.ended;
    if (&end != &end.of->server_) return 0;
    nghttp2_nv fields[] = {field(":status", "200")};
    end.left = end.of->answer_;
    nghttp2_data_provider provider{{}, read};
    return nghttp2_submit_response(session, frame->hd.stream_id, fields, std::size(fields),
                                   end.left == 0 ? nullptr : &provider);
  }

  void open() {
    nghttp2_nv fields[] = {field(":method", "CONNECT"), field(":authority", "blue-fox"),
                           field("tenfold-peer", "203.0.113.9:1234")};
    must(nghttp2_submit_request(client_.session, nullptr, fields, std::size(fields), nullptr, nullptr) > 0,
         "no stream");
  }

  void pump() {
    while (send(client_, true) | send(server_, false)) {
    }
  }

  // Frames are gathered as the link gathers them.
  bool send(End& end, bool from_client) {
    std::size_t filled = 0;
    const std::uint8_t* frame = nullptr;
    ssize_t n = 0;
    bool moved = false;
    while ((n = nghttp2_session_mem_send(end.session, &frame)) > 0) {
      const auto size = static_cast<std::size_t>(n);
      if (filled + size > room_.size()) carry_(from_client, Bytes(room_).first(std::exchange(filled, 0)));
      std::memcpy(room_.data() + filled, frame, size);
      filled += size;
      moved = true;
    }
    if (filled != 0) carry_(from_client, Bytes(room_).first(filled));
    return moved;
  }

  Carry carry_;
  End client_;
  End server_;
  std::size_t answer_ = 0;
  std::array<std::uint8_t, limits::flush_bulk> room_{};
};

}  // namespace tenfold::bench
