// Reply: an answer of the broker itself, for either HTTP version.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "http/head.h"
#include "http/server_stream.h"
#include "mux/handshake.h"

namespace tenfold::broker {

struct Reply {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";  // a literal
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> fields;  // besides Content-Type, -Length, Date
  handshake::Refusal refusal = handshake::Refusal::none;         // of a tunnel that was asked for
};

// JSON with this status, as in the classic protocol.
Reply json_reply(int status, std::string body);

// The answer for a failure, from the one table (http/failure_texts.h), in the form that the visitor accepts. `head`:
// the request's; `request_id` appears in the page and in X-Request-Id.
Reply failure_reply(const Error& why, const http::RequestHead& head, std::string_view request_id);

// The answer for a request that cannot be served: the fault's name is the code.
Reply fault_reply(const http::Fault& fault, const http::RequestHead& head, std::string_view request_id);

// A page of the broker about something that does not exist.
Reply not_found_reply(std::string_view code, std::string_view text, const http::RequestHead& head,
                      std::string_view request_id);

// For an OPTIONS or TRACE whose Max-Forwards is used up: answered in place of the app.
Reply last_hop_reply(const http::RequestHead& head);

// Sends it as the stream's answer, and ends the stream. `date`: http::DateText's.
void send_reply(const Reply& reply, std::string_view date, http::ServerStream& stream);

}  // namespace tenfold::broker
