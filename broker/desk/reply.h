// Reply: an answer that the broker gives by itself. What it says comes in the form that the
// visitor reads: HTML for a browser, JSON for a program that asks for it, plain text otherwise.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "http/head.h"

namespace tenfold::broker {

struct Reply {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> fields;  // beyond Content-Type, -Length, Date
};

// A page about something that went wrong. `says` for a person, `code` for a program and
// the log. 503 and 429 bear Retry-After.
struct Trouble {
  int status;
  std::string_view code;
  std::string says;
};

// `fields`: the request's, for its Accept; `request_id`: stands in the page and in X-Request-Id.
Reply trouble_reply(const Trouble& trouble, const http::Fields& fields, std::string_view request_id);

// JSON with this status, as the classic protocol answers.
Reply json_reply(int status, std::string body);

// Why a tunnel could not be opened, or broke before its answer, as a visitor is told.
Trouble trouble_of(const Error& why);

// An OPTIONS or TRACE whose Max-Forwards has run out: answered as the app would.
Reply last_hop_reply(const http::RequestHead& head);

// What is allowed where nothing but CONNECT is refused.
inline constexpr std::string_view tunnel_methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE";

// Why a request is refused, as a visitor is told: the fault's name is the code.
Trouble trouble_of(const http::Fault& fault);

// The value of the Accept field in a head that was read as far as its fault; empty where none came.
std::string_view accept_in(std::string_view head);

// Appends the whole answer, head and body; the body is left out for HEAD. `date`: DateText's. `keep`: how long the
// connection is kept for another request; zero: it closes.
void write_reply(const Reply& reply, bool to_head, std::string_view date, Duration keep, std::string& out);

}  // namespace tenfold::broker
