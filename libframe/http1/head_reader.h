// HeadReader: from bytes to a RequestHead or a ResponseHead, strictly, however the bytes are
// cut. Answers have rules of their own: an app's bare LF is a line's end, and its caps are larger.
//
//   HeadReader reader(HeadReader::Kind::request);
//   taken = reader.feed(bytes);      // never more than the head: what follows is the body's
//   if (reader.failed()) reply(reader.fault());
//   if (reader.done()) use(reader.request());
//   reader.clear();                  // the views end here; ready for the next head
//
// Between two heads it holds no buffer: they are borrowed, from `buffers`, which must outlive it. Without any, the
// reader makes its own for each head.
//
// Up to two empty lines (CRLF) before a request line are skipped, RFC 9112 2.2.
// Pure; holds at most what its kind may have, limits::head_bytes and its like.
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
    request,    // a visitor's
    forwarded,  // one that a broker has written: with room for what it added
    response,
    trailers,  // the fields behind a last chunk: read them from request().fields
  };

  explicit HeadReader(Kind kind, HeadBuffers* buffers = nullptr)
      : kind_(kind), in_fields_(kind == Kind::trailers), buffers_(buffers) {}

  // Takes bytes up to the end of the head; returns how many. Takes nothing when done or failed.
  std::size_t feed(Bytes bytes);

  bool done() const { return state_ == State::done; }
  bool failed() const { return state_ == State::failed; }
  // Whether any byte of a head has come: a connection that ends here ends in mid-message.
  bool started() const { return !text_.empty(); }

  // When done().
  const http::RequestHead& request() const { return request_; }
  const http::ResponseHead& response() const { return response_; }

  // Whether the request is a HEAD, as far as its first line has come: a refusal has no body then.
  bool to_head() const { return is_request() && text_.starts_with("HEAD "); }

  // Sets what the request asks for and whom, as read_target() found it; before that the target is as it came.
  void settle(std::string_view origin, std::string_view authority) {
    request_.target = origin;
    request_.authority = authority;
  }

  // When failed(), which is as soon as the line at fault is whole, or a cap is passed; the same
  // however the bytes were cut. For a request and for trailers: the status to answer with, 400, 414, 431, 505. For
  // a response always 502.
  const http::Fault& fault() const { return fault_; }
  // When failed(): whether the head is whole all the same, and at fault only in what it asks for, as one without a
  // Host. Who merely looks on reads it on.
  bool readable() const { return readable_; }

  // What has come of the head, as it came; when failed(), all that is known of it.
  std::string_view received() const { return text_; }

  // Forgets the head.
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
  bool readable_ = false;         // failed, though every line is in order
  bool in_fields_;                // the start line is behind us, or there is none
  std::uint8_t empty_lines_ = 0;  // skipped before the request line
  std::uint8_t minor_version_ = 1;
  std::uint16_t lines_ = 0;  // field lines so far
  std::uint32_t line_ = 0;   // where in `text_` the present line begins
  std::string text_;         // the head as it came; every view points in here
  http::RequestHead request_;
  http::ResponseHead response_;
  http::Fault fault_;
  HeadBuffers* const buffers_;  // or null
  bool borrowed_ = false;
};

}  // namespace tenfold::http1
