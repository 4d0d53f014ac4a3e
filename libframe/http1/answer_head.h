// The head of an answer for one visitor, and the framing of its body for the visitor's version: content of unknown size
// is chunked for HTTP/1.1 and ends with the connection for 1.0.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "http/head.h"
#include "http/server_stream.h"

namespace tenfold::http1 {

struct AnswerForm {
  enum class Body : std::uint8_t { none, plain, chunked, until_close };
  Body body = Body::none;
  bool keep = true;  // the connection may serve another request
};

// `minor_version`, `to_head`: the request's. `keep`: how long the connection is kept for another request; zero: it
// closes. Appends to `out`.
AnswerForm write_answer_head(const http::ResponseHead& head, http::BodySize size, int minor_version, bool to_head,
                             Duration keep, std::string& out);

// Writes a 1xx head unchanged.
void write_interim_head(const http::ResponseHead& head, std::string& out);

// Writes a 101 head with its Upgrade field.
void write_switch_head(const http::ResponseHead& head, std::string& out);

// Writes the trailers that may be sent (RFC 9110 6.5.1), and the empty line.
void write_trailers(const http::Fields& trailers, std::string& out);

}  // namespace tenfold::http1
