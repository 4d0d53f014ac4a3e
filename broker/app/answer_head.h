// The head of an answer as the visitor gets it, and how its body is framed for this visitor: chunked
// becomes "until close" for HTTP/1.0, "until close" becomes chunked for HTTP/1.1.
#pragma once

#include <string>

#include "base/time.h"
#include "http/head.h"
#include "http1/body_framing.h"
#include "http1/head_writer.h"

namespace tenfold::broker {

struct AnswerForm {
  http1::Framing::Kind body = http1::Framing::Kind::none;
  bool keep = true;  // the connection may serve another request
};

// `minor_version`, `to_head`: the visitor's. `keep`: how long his connection is kept for another request; zero: it
// closes. Appends to `out`.
AnswerForm write_answer_head(const http::ResponseHead& head, http1::Framing framing, int minor_version, bool to_head,
                             Duration keep, std::string& out);

// Connection and Keep-Alive, as `keep` and the visitor's version want them.
void write_persistence(Duration keep, int minor_version, http1::HeadWriter& head);

// A 1xx as it is.
void write_interim_head(const http::ResponseHead& head, std::string& out);

// The 101 with its Upgrade.
void write_switch_head(const http::ResponseHead& head, std::string& out);

}  // namespace tenfold::broker
