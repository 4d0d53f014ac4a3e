#include "http/page.h"

#include <nlohmann/json.hpp>

namespace tenfold::http {
namespace {

enum class Form { text, html, json };

// The form that the Accept fields name first. Quality values are ignored.
Form form_for(const Fields& fields) {
  Form form = Form::text;
  any_token(fields, "Accept", [&](std::string_view range) {
    const std::string_view type = range.substr(0, range.find_first_of("; \t"));
    if (equal_nocase(type, "text/html")) return form = Form::html, true;
    if (equal_nocase(type, "application/json")) return form = Form::json, true;
    return equal_nocase(type, "text/plain");
  });
  return form;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string html_page(int status, std::string_view text, std::string_view request_id) {
  const std::string title = std::to_string(status) + " " + std::string(reason_phrase(status));
  std::string page =
      "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\"><title>" +
      title +
      "</title>\n<style>body{font:1.1em/1.5 system-ui,sans-serif;max-width:36em;margin:15vh auto;padding:0 1em;"
      "color:#222;background:#fff}h1{font-size:1.4em}code{color:#777}"
      "@media(prefers-color-scheme:dark){body{color:#ddd;background:#16181d}}</style>\n<h1>" +
      title + "</h1>\n<p>" + escape_html(text) + "</p>\n";
  if (!request_id.empty()) page += "<p><code>request " + std::string(request_id) + "</code></p>\n";
  return page + "</html>\n";
}

std::string json_page(std::string_view code, std::string_view text, std::string_view request_id) {
  nlohmann::json page{{"message", text}, {"code", code}};
  if (!request_id.empty()) page["request"] = request_id;
  return page.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Page failure_page(int status, std::string_view code, std::string_view text, const Fields& fields,
                  std::string_view request_id) {
  switch (form_for(fields)) {
    case Form::json: return {"application/json; charset=utf-8", json_page(code, text, request_id)};
    case Form::html: return {"text/html; charset=utf-8", html_page(status, text, request_id)};
    case Form::text: break;
  }
  return {"text/plain; charset=utf-8", std::to_string(status) + " " + std::string(text) + "\n"};
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 508: return "Loop Detected";
    default: return {};
  }
}

}  // namespace tenfold::http
