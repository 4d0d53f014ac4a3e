// A small site on ServerStreams, whichever version carries them, with no broker in sight.
//
//   GET /hello            200, "hello", with Content-Length
//   GET /big?N            200, N octets 'x', written as they leave
//   POST /echo            200, the request's body; credit goes back as the answer leaves
//   POST /take            200 and the body's size, once it is whole; its trailers as fields
//   POST /after           upgraded to an echo once the body is whole
//   POST /hold            the request's body is never credited, nor answered
//   POST /deaf            403 at once, the body unread
//   GET /trailers         200, a body, and trailers
//   GET /hints            103, then 200
//   GET /cut              200, three octets and no more
//   GET /empty            204
//   GET /late             the handler answers when answer_late() is called
//   upgrade to anything   an echo
#pragma once

#include <algorithm>
#include <charconv>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "duplex.h"
#include "http/server_stream.h"

namespace tenfold::test {

class Pages {
 public:
  struct Seen {
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> fields;
    http::BodySize body;
  };

  std::vector<Seen> requests;
  std::vector<std::string> faults;
  std::vector<http::Gone> gone;
  std::vector<Error> pipes_closed;
  std::size_t whole_bodies = 0;
  bool closed = false;
  std::function<void()> on_each;                                // at the end of each on_request()
  std::function<std::string(std::string_view key)> accept_key;  // RFC 6455 4.2.2's, where a WebSocket asks

  void answer_late() {
    for (auto& late : std::exchange(late_, {})) late->answer_text(200, "late");
  }
  // What it holds of requests: only once they are over.
  void forget() { pages_.clear(); }
  void let_late_pause(bool paused) { late_paused_ = paused; }

  void serve(http::ServerStream& stream) {
    note(stream);
    pages_.push_back(std::make_unique<Page>(*this, stream));
    pages_.back()->serve();
    if (on_each) on_each();
  }
  void refuse(http::ServerStream& stream, const http::Fault& fault, http::Limit limit) {
    note(stream);
    faults.push_back(std::to_string(fault.status) + " " + fault.reason +
                     (limit == http::Limit::none ? std::string() : " " + std::string(to_string(limit))));
    pages_.push_back(std::make_unique<Page>(*this, stream));
    pages_.back()->answer_text(fault.status, fault.reason);
  }

 private:
  struct Page;

  void note(http::ServerStream& stream) {
    Seen seen{std::string(stream.head().method), std::string(stream.head().target), {}, stream.body()};
    for (const http::Field& field : stream.head().fields) seen.fields.emplace_back(field.name, field.value);
    requests.push_back(std::move(seen));
  }

  struct Page final : http::ServerStream::Handler, Duplex::Handler {
    Page(Pages& s, http::ServerStream& st) : site(s), stream(&st) {}

    void serve() {
      stream->set_handler(this);
      const http::RequestHead& head = stream->head();
      const std::string_view target = head.target;
      if (http::has_token(head.fields, "connection", "upgrade")) return serve_upgrade();
      if (target == "/hello") return answer_text(200, "hello");
      if (target.starts_with("/big?")) return serve_big(target.substr(5));
      if (target == "/echo") return serve_echo();
      if (target == "/take") return stream->read_body();
      if (target == "/after") return stream->read_body();
      if (target == "/hold") {
        hold = true;
        return stream->read_body();
      }
      if (target == "/deaf") return answer_text(403, "no");
      if (target == "/empty") return answer_text(204, "");
      if (target == "/trailers") {
        stream->answer({200, "OK", 1, {{"Trailer", "X-Sum"}}}, {http::BodySize::Kind::unknown, 0});
        stream->write({});
        stream->write(to_bytes("body"));
        return finish({{"X-Sum", "42"}, {"Content-Length", "4"}});
      }
      if (target == "/hints") {
        stream->interim({103, "Early Hints", 1, {{"Link", "</a.css>"}, {"Connection", "close"}}});
        return answer_text(200, "behind hints");
      }
      if (target == "/cut") {
        stream->answer({200, "OK", 1, {}}, {http::BodySize::Kind::known, 10});
        stream->write(to_bytes("cut"));
        stream->abort();
        stream = nullptr;
        return;
      }
      if (target == "/late") {
        if (site.late_paused_) stream->set_handler(nullptr);
        site.late_.push_back(this);
        return;
      }
      answer_text(404, "not here");
    }

    void answer_text(int status, std::string_view text) {
      if (stream == nullptr) return;
      stream->set_handler(this);
      const bool empty = stream->head().method == "HEAD" || status == 204;
      const auto kind = empty ? http::BodySize::Kind::none : http::BodySize::Kind::known;
      const http::ResponseHead head{
          status, "", 1, {{"Content-Type", "text/plain"}, {"Connection", "keep-alive, x-hop"}, {"X-Hop", "1"}}};
      stream->answer(head, {kind, text.size()});
      if (!empty) stream->write(to_bytes(text));
      finish({});
    }

    void finish(const http::Fields& trailers) { std::exchange(stream, nullptr)->end(trailers); }

    void serve_big(std::string_view number) {
      std::uint32_t size = 0;
      std::from_chars(number.data(), number.data() + number.size(), size);
      left = size;
      stream->answer({200, "OK", 1, {}}, {http::BodySize::Kind::known, size});
      write_more();
    }
    void write_more() {
      while (left != 0 && waiting < 64 * 1024) {
        const std::string some(std::min<std::size_t>(left, 20'000), 'x');
        left -= some.size();
        waiting += some.size() - stream->write(to_bytes(some));
      }
      if (left == 0) finish({});
    }

    void serve_echo() {
      echo = true;
      stream->answer({200, "OK", 1, {}}, {http::BodySize::Kind::unknown, 0});
      if (stream->body().empty()) return finish({});
      stream->read_body();
    }

    void serve_upgrade() {
      if (stream->head().target == "/forbidden") return answer_text(403, "no");
      if (stream->head().target == "/plain") return answer_text(200, "no upgrade");
      http::Fields fields{{"Connection", "Upgrade"}, {"Upgrade", "x"}, {"X-Kept", "1"}};
      std::string accept;
      if (const http::Field* key = http::find(stream->head().fields, "sec-websocket-key")) {
        accept = site.accept_key(stream->head().target == "/wrong" ? "another" : key->value);
        fields.push_back({"Sec-WebSocket-Accept", accept});
      }
      http::Upgraded raw = std::exchange(stream, nullptr)->upgrade({101, "Switching Protocols", 1, fields});
      pipe = std::move(raw.pipe);
      earlier = pipe->queued();
      pipe->set_handler(static_cast<Duplex::Handler*>(this));
      if (!raw.early.empty()) on_data(to_bytes(raw.early));
      if (raw.ended) on_end();
    }

    // ---- of the stream
    void on_body(Bytes bytes) override {
      taken += bytes.size();
      if (hold) return;
      if (!echo) return stream->credit(bytes.size());
      waiting += bytes.size();
      give_back(stream->write(bytes));
    }
    void on_body_end(const http::Fields& trailers) override {
      ++site.whole_bodies;
      if (hold) return;
      if (stream->head().target == "/after") return serve_upgrade();
      if (echo) return finish({});
      std::string text = std::to_string(taken);
      for (const http::Field& field : trailers) text.append(" ").append(field.name).append("=").append(field.value);
      answer_text(200, text);
    }
    void on_sent(std::size_t n) override {
      if (pipe != nullptr) {
        const std::size_t of_head = std::min(n, earlier);
        earlier -= of_head;
        return pipe->credit(n - of_head);
      }
      if (echo) return give_back(n);
      waiting -= n;
      write_more();
    }
    void give_back(std::size_t n) {
      waiting -= n;
      stream->credit(n);
    }
    void on_gone(const http::Gone& gone) override {
      std::erase(site.late_, this);
      stream = nullptr;
      site.gone.push_back(gone);
    }

    // ---- of the pipe
    void on_data(Bytes bytes) override { pipe->credit(pipe->write(bytes)); }
    void on_end() override { pipe->end(); }
    void on_closed(const Error& why) override { site.pipes_closed.push_back(why); }

    Pages& site;
    http::ServerStream* stream;
    std::unique_ptr<Duplex> pipe;
    std::size_t earlier = 0;  // of the upgrade's own head, in the pipe's queue
    std::size_t waiting = 0;  // written, not sent
    std::size_t left = 0;
    std::size_t taken = 0;
    bool echo = false;
    bool hold = false;
  };

  std::vector<std::unique_ptr<Page>> pages_;
  std::vector<Page*> late_;
  bool late_paused_ = false;
};

}  // namespace tenfold::test
