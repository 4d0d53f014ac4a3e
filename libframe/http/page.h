// Pages that a server makes about a failure, in the form that the client reads: HTML for a browser, JSON for a program
// that asks for it, plain text otherwise.
#pragma once

#include <string>
#include <string_view>

#include "http/head.h"

namespace tenfold::http {

// RFC 9110 15's phrase for a status, "" for one that it does not know.
std::string_view reason_phrase(int status);

struct Page {
  std::string_view content_type;  // a literal
  std::string body;
};

// `code` for programs, `text` for people; `fields`: the request's, for its Accept. `request_id` may be empty.
Page failure_page(int status, std::string_view code, std::string_view text, const Fields& fields,
                  std::string_view request_id);

}  // namespace tenfold::http
