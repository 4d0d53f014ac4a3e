// A head as bytes, always written anew and never passed on raw. The asserts hold that nothing that
// goes in can end a line, or a head, early.
#include "http1/head_writer.h"

#include <algorithm>
#include <cassert>
#include <charconv>

#include "http/octets.h"

namespace tenfold::http1 {

void HeadWriter::request_line(std::string_view method, std::string_view target) {
  assert(http::is_token(method));
  assert(!target.empty() && http::is_target(target));
  out_.append(method).append(1, ' ').append(target).append(" HTTP/1.1\r\n");
}

void HeadWriter::status_line(int status, std::string_view reason) {
  assert(status >= 100 && status <= 599);
  if (reason.empty()) reason = reason_phrase(status);
  assert(http::is_text(reason));
  const char digits[3] = {static_cast<char>('0' + status / 100), static_cast<char>('0' + status / 10 % 10),
                          static_cast<char>('0' + status % 10)};
  // RFC 9112 4: "A server MUST send the space that separates the status-code from the
  // reason-phrase even when the reason-phrase is absent".
  out_.append("HTTP/1.1 ").append(digits, 3).append(1, ' ').append(reason).append("\r\n");
}

void HeadWriter::field(std::string_view name, std::string_view value) {
  assert(http::is_token(name));
  assert(http::is_text(value));
  out_.append(name).append(": ").append(value).append("\r\n");
}

void HeadWriter::field(std::string_view name, std::uint64_t value) {
  char digits[20];
  const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, value);
  field(name, std::string_view(digits, static_cast<std::size_t>(end.ptr - digits)));
}

void HeadWriter::keep_alive(std::chrono::seconds timeout) {
  out_ += "Keep-Alive: timeout=";
  char digits[20];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, timeout.count());
  assert(error == std::errc{});
  out_.append(digits, end);
  out_ += "\r\n";
}

void HeadWriter::end() { out_.append("\r\n"); }

ChunkHead::ChunkHead(std::uint64_t size) {
  assert(size > 0);  // a chunk of none would end the body
  char* const first = reinterpret_cast<char*>(text_.data());
  char* const last = std::to_chars(first, first + 16, size, 16).ptr;
  std::copy_n("\r\n", 2, last);
  length_ = static_cast<std::size_t>(last - first) + 2;
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
    case 431: return "Request Header http::Fields Too Large";
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

}  // namespace tenfold::http1
