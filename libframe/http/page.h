// Pages about a failure, in the form that the client accepts: HTML for a browser, JSON for a program that asks for it,
// plain text otherwise.
#pragma once

#include <string>
#include <string_view>

#include "http/head.h"

namespace tenfold::http {

// The phrase of RFC 9110 15 for a status, "" for an unknown one.
std::string_view reason_phrase(int status);

struct Page {
  std::string_view content_type;  // a literal
  std::string body;
};

// `code` is for programs, `text` for people; `fields` are the request's, for its Accept. `request_id` may be empty.
Page failure_page(int status, std::string_view code, std::string_view text, const Fields& fields,
                  std::string_view request_id);

}  // namespace tenfold::http
