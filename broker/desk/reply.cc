#include "broker/desk/reply.h"

#include "broker/app/answer_head.h"
#include "http/page.h"
#include "http1/head_writer.h"
#include "mux/failure.h"

namespace tenfold::broker {

Reply json_reply(int status, std::string body) {
  Reply reply;
  reply.status = status;
  reply.content_type = "application/json; charset=utf-8";
  reply.body = std::move(body);
  return reply;
}

Reply trouble_reply(const Trouble& trouble, const http::Fields& fields, std::string_view request_id) {
  http::Page page = http::failure_page(trouble.status, trouble.code, trouble.says, fields, request_id);
  Reply reply;
  reply.status = trouble.status;
  reply.content_type = page.content_type;
  reply.body = std::move(page.body);
  reply.fields.emplace_back("X-Request-Id", request_id);
  reply.fields.emplace_back("Cache-Control", "no-store");
  if (trouble.status == 503 || trouble.status == 429) reply.fields.emplace_back("Retry-After", "5");
  return reply;
}

Trouble trouble_of(const Error& why) {
  const FailureForm& form = failure_form(why);
  return {form.status, form.code, failure_text(why)};
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
