#include "broker/desk/reply.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "broker/app/answer_head.h"
#include "http1/head_writer.h"

namespace tenfold::broker {
namespace {

enum class Form { text, html, json };

// Which of our three forms the Accept fields name first; quality values are beyond what a page about
// a fault needs.
Form form_for(const http::Fields& fields) {
  Form form = Form::text;
  http::any_token(fields, "Accept", [&](std::string_view range) {
    const std::string_view type = range.substr(0, range.find_first_of("; \t"));
    if (http::equal_nocase(type, "text/html")) return form = Form::html, true;
    if (http::equal_nocase(type, "application/json")) return form = Form::json, true;
    return http::equal_nocase(type, "text/plain");
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

std::string html_page(const Trouble& trouble, std::string_view request_id) {
  const std::string title = std::to_string(trouble.status) + " " + std::string(http1::reason_phrase(trouble.status));
  return "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width\"><title>" +
         title +
         "</title>\n<style>body{font:1.1em/1.5 system-ui,sans-serif;max-width:36em;margin:15vh auto;padding:0 1em;"
         "color:#222;background:#fff}h1{font-size:1.4em}code{color:#777}"
         "@media(prefers-color-scheme:dark){body{color:#ddd;background:#16181d}}</style>\n<h1>" +
         title + "</h1>\n<p>" + escape_html(trouble.says) + "</p>\n<p><code>request " + std::string(request_id) +
         "</code></p>\n</html>\n";
}

}  // namespace

Reply json_reply(int status, std::string body) {
  Reply reply;
  reply.status = status;
  reply.content_type = "application/json; charset=utf-8";
  reply.body = std::move(body);
  return reply;
}

Reply trouble_reply(const Trouble& trouble, const http::Fields& fields, std::string_view request_id) {
  Reply reply;
  switch (form_for(fields)) {
    case Form::json:
      reply =
          json_reply(trouble.status,
                     nlohmann::json{{"message", trouble.says}, {"code", trouble.code}, {"request", request_id}}.dump(
                         -1, ' ', false, nlohmann::json::error_handler_t::replace));
      break;
    case Form::html:
      reply.content_type = "text/html; charset=utf-8";
      reply.body = html_page(trouble, request_id);
      break;
    case Form::text: reply.body = std::to_string(trouble.status) + " " + trouble.says + "\n"; break;
  }
  reply.status = trouble.status;
  reply.fields.emplace_back("X-Request-Id", request_id);
  reply.fields.emplace_back("Cache-Control", "no-store");
  if (trouble.status == 503 || trouble.status == 429) reply.fields.emplace_back("Retry-After", "5");
  return reply;
}

namespace {

// Of a head that was too large a person shall not look for what is wrong with it.
std::string fault_of_answer(const std::string& reason) {
  if (reason == "long-head") {
    return "has a head of more than " + std::to_string(limits::answer_head_bytes / limits::KiB) + " KiB";
  }
  if (reason == "many-fields") return "has more than " + std::to_string(limits::answer_fields) + " fields";
  return "is not valid HTTP: " + reason;
}

}  // namespace

Trouble trouble_of(const Error& why) {
  switch (why.kind) {
    case ErrorKind::limit:
      return {503, "tunnel-busy", "This tunnel has as many visitors as it can serve. Try again shortly."};
    case ErrorKind::closed:
    case ErrorKind::unbegun:
      return {503, "agent-away", "The agent behind this tunnel is away. It usually comes back by itself."};
    case ErrorKind::refused:
      return {502, "app-refused", "The app behind this tunnel refused the connection. Is it running?"};
    case ErrorKind::dns: return {502, "app-dns", "The name of the app behind this tunnel has no address."};
    case ErrorKind::tls: return {502, "app-tls", "The app behind this tunnel could not be reached over TLS."};
    case ErrorKind::protocol:
      return {502, "app-bad-answer",
              "The app behind this tunnel sent an answer that " + fault_of_answer(why.detail) + "."};
    case ErrorKind::timeout:
      return {502, "app-connect-timeout", "The app behind this tunnel did not take the connection in time."};
    case ErrorKind::io: return {504, "app-timeout", "The app behind this tunnel did not answer in time."};
    default: return {502, "app-broke", "No answer came from behind this tunnel: " + why.detail + "."};
  }
}

Reply last_hop_reply(const http::RequestHead& head) {
  Reply reply;
  if (head.method != "TRACE") {
    reply.fields.emplace_back("Allow", tunnel_methods);
    return reply;
  }
  // RFC 9110 9.3.8: the request as it came, without what a script may not read.
  reply.content_type = "message/http";
  http1::HeadWriter message(reply.body);
  message.request_line(head.method, head.target);
  for (const http::Field& field : head.fields) {
    const bool secret = http::equal_nocase(field.name, "Authorization") || http::equal_nocase(field.name, "Cookie") ||
                        http::equal_nocase(field.name, "Proxy-Authorization");
    if (!secret) message.field(field.name, field.value);
  }
  message.end();
  return reply;
}

std::string_view DateText::at(std::time_t second) {
  constexpr std::size_t size = 29;  // "Sun, 06 Nov 1994 08:49:37 GMT"
  if (second == second_) return {text_.data(), size};
  second_ = second;
  std::tm when{};
  gmtime_r(&second, &when);
  // Not strftime, whose names are the locale's.
  constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::snprintf(text_.data(), text_.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                days[static_cast<std::size_t>(when.tm_wday)], when.tm_mday,
                months[static_cast<std::size_t>(when.tm_mon)], (when.tm_year + 1900) % 10000, when.tm_hour, when.tm_min,
                when.tm_sec);
  return {text_.data(), size};
}

Trouble trouble_of(const http::Fault& fault) {
  const char* says = "This is no request that can be served";
  switch (fault.status) {
    case 400: says = "This request is not valid HTTP/1.1"; break;
    case 405: says = "This method is not served here"; break;
    case 408: says = "This request did not arrive in time"; break;
    case 414: says = "The address of this request is too long"; break;
    case 431: says = "The head of this request is too large; cookies of this site may be the reason"; break;
    case 501: says = "This way to send a body is not known here"; break;
    case 505: says = "This version of HTTP is not served here"; break;
    default: break;
  }
  return {fault.status, fault.reason, std::string(says) + " (" + fault.reason + ")."};
}

std::string_view accept_in(std::string_view head) {
  constexpr std::string_view name = "accept:";
  while (!head.empty()) {
    const std::size_t end = head.find('\n');
    const std::string_view line = head.substr(0, end);
    if (line.size() > name.size() && http::equal_nocase(line.substr(0, name.size()), name)) {
      std::string_view value = line.substr(name.size());
      while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
      while (!value.empty() && (value.back() == ' ' || value.back() == '\r')) value.remove_suffix(1);
      return value;
    }
    if (end == std::string_view::npos) break;
    head.remove_prefix(end + 1);
  }
  return {};
}

void write_reply(const Reply& reply, bool to_head, std::string_view date, Duration keep, std::string& out) {
  http1::HeadWriter head(out);
  head.status_line(reply.status, {});
  head.field("Date", date);
  for (const auto& [name, value] : reply.fields) head.field(name, value);
  if (!reply.body.empty()) head.field("Content-Type", reply.content_type);
  head.field("Content-Length", reply.body.size());
  write_persistence(keep, 1, head);
  head.end();
  if (!to_head) out += reply.body;
}

}  // namespace tenfold::broker
