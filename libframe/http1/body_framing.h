// Where a message's body ends (RFC 9112 6.3), and the strict decoder of the bytes up to there.
//
//   const Framed framed = request_framing(head);
//   if (framed.fault) refuse(framed.fault);
//   BodyReader body(framed.framing);
//   while (!in.empty() && !body.done() && !body.failed()) {
//     const BodyReader::Step step = body.next(in);
//     forward(step.payload);           // a view into `in`, possibly empty
//     in = in.subspan(step.taken);
//   }
//
// Pure. Keeps no payload; keeps at most limits::trailer_bytes of trailers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "http/head.h"
#include "http/server_stream.h"
#include "http1/head_reader.h"

namespace tenfold::http1 {

struct Framing {
  enum class Kind {
    none,    // no body at all
    length,  // Content-Length: `length` bytes, 0 included
    chunked,
    until_close,  // an HTTP/1.0 answer: ends with the connection
  };
  Kind kind = Kind::none;
  std::uint64_t length = 0;  // of an answer without a body (HEAD, 304): its declared Content-Length
};

// How much content the framing announces.
http::BodySize body_size(const Framing& framing);

struct Framed {
  Framing framing;
  http::Fault fault;  // set: refuse the message
};

// 400 for Content-Length with Transfer-Encoding, differing or malformed Content-Length,
// Transfer-Encoding on HTTP/1.0, chunked not last or twice; 501 for an unknown coding.
Framed request_framing(const http::RequestHead& head);

// `to_head`: the answer is to a HEAD. Faults (status 502) as above, but repeated equal Content-Lengths are allowed.
// 1xx, 204 and 304 have no body.
Framed response_framing(const http::ResponseHead& head, bool to_head);

class BodyReader {
 public:
  BodyReader() = default;  // done at once
  explicit BodyReader(Framing framing) { start(framing); }

  // Begins a new body.
  void start(Framing framing);

  struct Step {
    std::size_t taken = 0;  // bytes of `in` used up
    Bytes payload;          // lies within them
  };
  // Takes at least one byte unless done() or failed().
  Step next(Bytes in);

  bool done() const { return phase_ == Phase::done; }
  bool failed() const { return phase_ == Phase::failed; }
  const http::Fault& fault() const { return fault_; }  // 400, or 431 for extensions or trailers beyond their caps

  // The connection ended. That completes an until_close body; any other body that is not done is cut. Returns whether
  // the body is complete.
  bool end_of_input();

  // The fields after a chunked body, when done(); filter with allowed_in_trailer().
  const http::Fields& trailers() const;

  // For a body with a length; 0 when done. For chunked and until_close it is unknown: the maximum value.
  std::uint64_t remaining() const;

 private:
  // The part that the next byte belongs to. The dots are the phases of a chunk, repeated until a chunk of size 0:
  //
  //   size_first  size        gap  extension  size_lf  data  data_cr  data_lf
  //   .           .           .    .          .        .     .        .
  //   1           A3   [BWS]  ;    name=v \r  \n       ...   \r       \n
  //
  // and after that chunk's size_lf: trailers_first, then end_lf ("\r
  // "), or trailers.
  enum class Phase : std::uint8_t {
    done,
    failed,
    length,
    until_close,
    size_first,
    size,
    gap,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailers_first,
    end_lf,
    trailers,
  };

  void on_framing_octet(char c);
  void on_extension_octet(char c);
  void expect(char c, char wanted, Phase then);
  std::size_t read_trailers(Bytes in);
  void fail(int status, const char* reason);

  Phase phase_ = Phase::done;
  std::uint8_t digits_ = 0;            // of the current chunk's size
  std::uint16_t extension_bytes_ = 0;  // of all chunks so far
  std::uint64_t left_ = 0;             // bytes of payload still to come in this body or chunk
  http::Fault fault_;
  std::unique_ptr<HeadReader> trailers_;
};

}  // namespace tenfold::http1
