// Reply: an answer that the broker gives by itself, to a request of either version.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "http/head.h"
#include "http/server_stream.h"

namespace tenfold::broker {

struct Reply {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";  // a literal
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> fields;  // beyond Content-Type, -Length, Date
};

// JSON with this status, as the classic protocol answers.
Reply json_reply(int status, std::string body);

// What a visitor is told of a failure, by the one table (mux/failure.h), in the form that he reads. `head`: the
// request's; `request_id` stands in the page and in X-Request-Id.
Reply failure_reply(const Error& why, const http::RequestHead& head, std::string_view request_id);

// Why a request cannot be served: the fault's name is the code.
Reply fault_reply(const http::Fault& fault, const http::RequestHead& head, std::string_view request_id);

// A page of the broker's own about something that is not there.
Reply not_found_reply(std::string_view code, std::string_view text, const http::RequestHead& head,
                      std::string_view request_id);

// An OPTIONS or TRACE whose Max-Forwards has run out: answered as the app would.
Reply last_hop_reply(const http::RequestHead& head);

// Answers the stream with it, and ends it. `date`: http::DateText's.
void send_reply(const Reply& reply, std::string_view date, http::ServerStream& stream);

}  // namespace tenfold::broker
