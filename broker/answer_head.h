// The head of an answer as the visitor gets it, and how its body is framed for this visitor: chunked
// becomes "until close" for HTTP/1.0, "until close" becomes chunked for HTTP/1.1.
#pragma once

#include <string>

#include "http1/body_framing.h"
#include "http1/head.h"

namespace tenfold::broker {

struct AnswerForm {
  http1::Framing::Kind body = http1::Framing::Kind::none;
  bool keep = true;  // the connection may serve another request
};

// `minor_version`, `to_head`, `keep`: the visitor's. Appends to `out`.
AnswerForm write_answer_head(const http1::ResponseHead& head, http1::Framing framing, int minor_version, bool to_head,
                             bool keep, std::string& out);

// A 1xx as it is.
void write_interim_head(const http1::ResponseHead& head, std::string& out);

// The 101 with its Upgrade.
void write_switch_head(const http1::ResponseHead& head, std::string& out);

}  // namespace tenfold::broker
