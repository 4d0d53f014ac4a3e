// HeadReader: a strict parser from bytes to a RequestHead or a ResponseHead; the result does not depend on how the
// bytes are split. Answers have their own rules: a bare LF ends a line, and the caps are larger.
//
//   HeadReader reader(HeadReader::Kind::request);
//   taken = reader.feed(bytes);      // never more than the head: what follows is the body's
//   if (reader.failed()) reply(reader.fault());
//   if (reader.done()) use(reader.request());
//   reader.clear();                  // the views end here; ready for the next head
//
// Between two heads it holds no buffer: it borrows one from `buffers`, which must outlive it. If there is no `buffers`,
// the reader allocates for each head.
//
// Up to two empty lines (CRLF) before a request line are skipped, RFC 9112 2.2.
// Pure; holds at most its kind's cap: limits::head_bytes and the like.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "http/head.h"
#include "http1/head_buffers.h"

namespace tenfold::http1 {

class HeadReader {
 public:
  enum class Kind {
    request,    // from a visitor
    forwarded,  // written by a broker: has room for the fields that it added
    response,
    trailers,  // the fields after the last chunk: read them from request().fields
  };

  explicit HeadReader(Kind kind, HeadBuffers* buffers = nullptr)
      : kind_(kind), in_fields_(kind == Kind::trailers), buffers_(buffers) {}

  // Takes bytes up to the end of the head; returns how many. Takes nothing when done or failed.
  std::size_t feed(Bytes bytes);

  bool done() const { return state_ == State::done; }
  bool failed() const { return state_ == State::failed; }
  // Whether any byte of a head has come: a connection that ends now ends within a message.
  bool started() const { return !text_.empty(); }

  // Valid when done().
  const http::RequestHead& request() const { return request_; }
  const http::ResponseHead& response() const { return response_; }

  // Whether the request is a HEAD, as far as its first line has come: a refusal of it has no body.
  bool to_head() const { return is_request() && text_.starts_with("HEAD "); }

  // Sets the origin and authority that read_target() found; before that the target is as received.
  void settle(std::string_view origin, std::string_view authority) {
    request_.target = origin;
    request_.authority = authority;
  }

  // Valid when failed(). That is as soon as the faulty line is complete or a cap is exceeded, however the bytes were
  // split. For a request and for trailers: the status to answer with, 400, 414, 431, 505. For a response always 502.
  const http::Fault& fault() const { return fault_; }
  // Valid when failed(): whether the head is complete and its syntax valid, as in a request without a Host. A caller
  // that only inspects the traffic reads on.
  bool readable() const { return readable_; }

  // The bytes of the head so far, as received; when failed(), all that is known of it.
  std::string_view received() const { return text_; }

  // Discards the head.
  void clear();

 private:
  enum class State { reading, done, failed };
  struct Caps {
    std::size_t bytes;
    std::size_t fields;
  };

  bool is_request() const { return kind_ == Kind::request || kind_ == Kind::forwarded; }
  Caps caps() const;
  http::Fields& fields() { return kind_ == Kind::response ? response_.fields : request_.fields; }
  void borrow();
  void give_back();
  std::size_t room() const;
  void on_line();
  void on_start_line(std::string_view line);
  void on_field_line(std::string_view line);
  void on_request_line(std::string_view line);
  void on_status_line(std::string_view line);
  void on_version(std::string_view text);
  void split();
  void check_request();
  void check_trailers();
  void check_options(const http::Fields& fields);
  void fail(int status, const char* reason);

  Kind kind_;
  State state_ = State::reading;
  bool readable_ = false;         // failed, but every line is valid
  bool in_fields_;                // past the start line, or there is none
  std::uint8_t empty_lines_ = 0;  // skipped before the request line
  std::uint8_t minor_version_ = 1;
  std::uint16_t lines_ = 0;  // field lines so far
  std::uint32_t line_ = 0;   // where in `text_` the current line begins
  std::string text_;         // the head as received; every view points in here
  http::RequestHead request_;
  http::ResponseHead response_;
  http::Fault fault_;
  HeadBuffers* const buffers_;  // may be null
  bool borrowed_ = false;
};

}  // namespace tenfold::http1
