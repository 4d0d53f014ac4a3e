// A ServerConnection with a Site behind it, and a client in front of it: one that says raw frames, or nghttp2's.
//
//   ServerRig rig;
//   RawClient client(rig);  client.say(raw::head(1, …));       // rig.pump() included
//   H2Client client(rig);   id = client.ask({{":method", …}});  client.answers[id].body
#pragma once

#include <doctest/doctest.h>
#include <nghttp2/nghttp2.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../support/memory_pipe.h"
#include "../support/test_runtime.h"
#include "http2/server_connection.h"
#include "raw_frames.h"
#include "site.h"

namespace tenfold::test {

struct ServerRig {
  explicit ServerRig(http2::ServerOptions options = {}, std::size_t cut_at = static_cast<std::size_t>(-1))
      : chop(cut_at), wire(rt.runtime) {
    client_end = wire.take_left();
    connection = std::make_unique<http2::ServerConnection>(rt.runtime, site, wire.take_right(), options);
    connection->start();
  }
  ~ServerRig() {
    connection.reset();
    rt.graveyard.clear();
  }

  // Until nothing moves and no deadline is due.
  void pump() {
    for (bool moved = true; moved;) {
      const bool due = rt.timers.next() <= rt.timers.now();
      rt.timers.run(rt.timers.now(), &rt.graveyard);
      moved = wire.step(chop) || due;
    }
  }
  void pass(Duration delay) {
    pump();
    rt.pass(delay);
    pump();
  }

  std::size_t chop;
  TestRuntime rt;
  Site site;
  MemoryPipe wire;
  std::unique_ptr<Duplex> client_end;
  std::unique_ptr<http2::ServerConnection> connection;
};

class RawClient final : public Duplex::Handler {
 public:
  explicit RawClient(ServerRig& rig, std::string_view settings = {}) : rig_(rig) {
    rig.client_end->set_handler(this);
    say(std::string(raw::preface) + raw::frame(raw::settings, 0, 0, settings));
  }

  void say(std::string_view bytes) {
    rig_.client_end->write(to_bytes(bytes));
    rig_.pump();
  }
  static std::string get(std::uint32_t id, std::string_view path, std::uint8_t flags = raw::end_stream) {
    return raw::head(id, {{":method", "GET"}, {":scheme", "https"}, {":authority", "site.example"}, {":path", path}},
                     flags);
  }

  std::vector<raw::Frame> frames() const { return raw::parse(heard); }
  std::vector<raw::Frame> frames(std::uint8_t type, std::uint32_t id) const {
    std::vector<raw::Frame> found;
    for (raw::Frame& frame : frames()) {
      if (frame.type == type && frame.id == id) found.push_back(std::move(frame));
    }
    return found;
  }
  // The code of the last GOAWAY, or -1; of the RST_STREAM of a stream.
  std::int64_t goaway() const {
    const auto found = frames(raw::goaway, 0);
    return found.empty() ? -1 : std::int64_t{found.back().number_at(4)};
  }
  std::int64_t reset(std::uint32_t id) const {
    const auto found = frames(raw::rst_stream, id);
    return found.empty() ? -1 : std::int64_t{found.back().number_at(0)};
  }

  void on_data(Bytes bytes) override {
    heard += to_text(bytes);
    if (reads) rig_.client_end->credit(bytes.size());
  }
  void on_end() override { ended = true; }
  void on_sent(std::size_t) override {}
  void on_closed(const Error&) override { closed = true; }

  std::string heard;
  bool reads = true;
  bool ended = false;
  bool closed = false;

 private:
  ServerRig& rig_;
};

class H2Client final : public Duplex::Handler {
 public:
  struct Answer {
    std::map<std::string, std::string> fields;
    std::map<std::string, std::string> trailers;
    std::vector<std::string> interims;  // their statuses
    std::string body;
    bool ended = false;
    bool closed = false;
    std::uint32_t code = 0;

    std::string status() const { return fields.contains(":status") ? fields.at(":status") : ""; }
  };
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  explicit H2Client(ServerRig& rig) : rig_(rig) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, [](nghttp2_session*, const nghttp2_frame* frame,
                                                                   const std::uint8_t* name, std::size_t name_size,
                                                                   const std::uint8_t* value, std::size_t value_size,
                                                                   std::uint8_t, void* user) {
      auto& client = *static_cast<H2Client*>(user);
      client.on_field(client.answers[frame->hd.stream_id], to_text({name, name_size}), to_text({value, value_size}));
      return 0;
    });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks,
        [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size, void* user) {
          static_cast<H2Client*>(user)->answers[id].body += to_text({data, size});
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          auto& client = *static_cast<H2Client*>(user);
          const bool has_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
          if (has_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
            client.answers[frame->hd.stream_id].ended = true;
          if (frame->hd.type == NGHTTP2_GOAWAY) client.goaways.push_back(frame->goaway.last_stream_id);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
          auto& answer = static_cast<H2Client*>(user)->answers[id];
          answer.closed = true;
          answer.code = code;
          return 0;
        });
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_max_send_header_block_length(option, 1 << 20);
    nghttp2_session_client_new2(&session_, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
    rig.client_end->set_handler(this);
    flush();
  }
  ~H2Client() { nghttp2_session_del(session_); }
  H2Client(const H2Client&) = delete;
  H2Client& operator=(const H2Client&) = delete;

  // A request, with a body when there is one; `open`: which does not end until say_more(id, …, true).
  std::int32_t ask(const Pairs& fields, std::string body = {}, bool open = false, const Pairs& trailers = {}) {
    std::vector<nghttp2_nv> list = pairs(fields);
    const std::int32_t next = static_cast<std::int32_t>(nghttp2_session_get_next_stream_id(session_));
    const bool has_body = !body.empty() || open || !trailers.empty();
    bodies_[next] = {std::move(body), !open, trailers};
    nghttp2_data_provider provider{{.ptr = nullptr}, read};
    const std::int32_t id =
        nghttp2_submit_request(session_, nullptr, list.data(), list.size(), has_body ? &provider : nullptr, nullptr);
    REQUIRE(id == next);
    flush();
    return id;
  }
  std::int32_t get(const std::string& path, const std::string& method = "GET") { return ask(head(path, method)); }
  static Pairs head(const std::string& path, const std::string& method = "GET") {
    return {{":method", method}, {":scheme", "https"}, {":authority", "site.example"}, {":path", path}};
  }
  void say_more(std::int32_t id, std::string_view bytes, bool last) {
    bodies_[id].text += bytes;
    bodies_[id].whole = last;
    nghttp2_session_resume_data(session_, id);
    flush();
  }
  void reset(std::int32_t id, std::uint32_t code = NGHTTP2_CANCEL) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
    flush();
  }
  void set_window(std::uint32_t size) {
    const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, size};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &entry, 1);
    flush();
  }
  // What may still be sent on a stream.
  std::int32_t window(std::int32_t id) const { return nghttp2_session_get_stream_remote_window_size(session_, id); }
  bool has_extended_connect() const {
    return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
  }
  void flush() {
    send();
    rig_.pump();
  }

  std::map<std::int32_t, Answer> answers;
  std::vector<std::int32_t> goaways;  // their last stream ids
  bool fault = false;                 // the server broke the rules
  bool ended = false;

 private:
  struct Body {
    std::string text;
    bool whole = true;
    Pairs trailers;
  };

  static std::vector<nghttp2_nv> pairs(const Pairs& fields) {
    std::vector<nghttp2_nv> list;
    for (const auto& [name, value] : fields) {
      const auto octets = [](const std::string& text) {
        return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
      };
      list.push_back({octets(name), octets(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    return list;
  }
  static ssize_t read(nghttp2_session* session, std::int32_t id, std::uint8_t* out, std::size_t most,
                      std::uint32_t* flags, nghttp2_data_source*, void* user) {
    Body& body = static_cast<H2Client*>(user)->bodies_[id];
    const std::size_t n = std::min(most, body.text.size());
    std::copy_n(body.text.data(), n, out);
    body.text.erase(0, n);
    if (body.text.empty() && body.whole) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!body.trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        std::vector<nghttp2_nv> list = pairs(body.trailers);
        nghttp2_submit_trailer(session, id, list.data(), list.size());
      }
    } else if (n == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(n);
  }

  void on_field(Answer& answer, std::string_view name, std::string_view value) {
    if (name == ":status" && value.starts_with('1')) {
      answer.interims.emplace_back(value);
      in_interim_ = true;
    } else if (name == ":status") {
      in_interim_ = false;
      answer.fields.emplace(name, value);
    } else if (!in_interim_ || !answer.fields.empty()) {
      (answer.body.empty() ? answer.fields : answer.trailers).emplace(name, value);
    }
  }

  void send() {
    const std::uint8_t* bytes = nullptr;
    for (ssize_t n = nghttp2_session_mem_send(session_, &bytes); n > 0;
         n = nghttp2_session_mem_send(session_, &bytes)) {
      rig_.client_end->write({bytes, static_cast<std::size_t>(n)});
    }
  }
  void on_data(Bytes bytes) override {
    if (nghttp2_session_mem_recv(session_, bytes.data(), bytes.size()) < 0) fault = true;
    rig_.client_end->credit(bytes.size());
    send();
  }
  void on_end() override { ended = true; }
  void on_sent(std::size_t) override {}
  void on_closed(const Error&) override {}

  ServerRig& rig_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Body> bodies_;
  bool in_interim_ = false;
};

}  // namespace tenfold::test
