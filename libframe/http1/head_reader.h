// HeadReader: from bytes to a RequestHead or a ResponseHead, strictly, however the bytes are
// cut. The only door to llhttp, which splits the head into its parts; the checks that its strict
// mode leaves out are made here (docs/ARCHITECTURE.md lists them).
//
//   HeadReader reader(HeadReader::Kind::request);
//   taken = reader.feed(bytes);      // never more than the head: what follows is the body's
//   if (reader.failed()) reply(reader.fault());
//   if (reader.done()) use(reader.request());
//   reader.clear();                  // the views end here; ready for the next head
//
// Up to two empty lines (CRLF) before a request line are skipped, RFC 9112 2.2.
// Pure; holds at most limits::head_bytes.
#pragma once

#include <cstddef>
#include <string>

#include "base/bytes.h"
#include "http1/head.h"

namespace tenfold::http1 {

class HeadReader {
 public:
  enum class Kind {
    request,
    response,
    trailers,  // the fields behind a last chunk: read them from request().fields
  };

  explicit HeadReader(Kind kind) : kind_(kind) {}

  // Takes bytes up to the end of the head; returns how many. Takes nothing when done or failed.
  std::size_t feed(Bytes bytes);

  bool done() const { return state_ == State::done; }
  bool failed() const { return state_ == State::failed; }
  // Whether any byte of a head has come: a connection that ends here ends in mid-message.
  bool started() const { return !text_.empty(); }

  // When done().
  const RequestHead& request() const { return request_; }
  const ResponseHead& response() const { return response_; }

  // When failed(). For a request: the status to answer with, 400, 414, 431, 505. For a response always 502.
  const Fault& fault() const { return fault_; }

  // Forgets the head. Keeps a small buffer for the next one, gives a large one back.
  void clear();

 private:
  enum class State { reading, done, failed };
  // IMPLEMENTATION: as the reader needs it.
};

}  // namespace tenfold::http1
