#include "broker/desk/reply.h"

#include "base/limits.h"
#include "http/failure_texts.h"
#include "http/page.h"
#include "http1/head_writer.h"

namespace tenfold::broker {
namespace {

// Every method is allowed but CONNECT.
constexpr std::string_view tunnel_methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE";

Reply page_reply(int status, std::string_view code, std::string_view text, const http::RequestHead& head,
                 std::string_view request_id) {
  http::Page page = http::failure_page(status, code, text, head.fields, request_id);
  Reply reply;
  reply.status = status;
  reply.content_type = page.content_type;
  reply.body = std::move(page.body);
  reply.fields.emplace_back("X-Request-Id", request_id);
  reply.fields.emplace_back("Cache-Control", "no-store");
  return reply;
}

std::string_view fault_text(int status) {
  switch (status) {
    case 400: return "This request is not valid HTTP/1.1";
    case 405: return "This method is not served here";
    case 408: return "This request did not arrive in time";
    case 414: return "The address of this request is too long";
    case 431: return "The head of this request is too large; cookies of this site may be the reason";
    case 501: return "This way to send a body is not known here";
    case 505: return "This version of HTTP is not served here";
    default: return "This is no request that can be served";
  }
}

}  // namespace

Reply json_reply(int status, std::string body) {
  Reply reply;
  reply.status = status;
  reply.content_type = "application/json; charset=utf-8";
  reply.body = std::move(body);
  return reply;
}

Reply failure_reply(const Error& why, const http::RequestHead& head, std::string_view request_id) {
  const FailureForm& form = failure_form(why);
  Reply reply = page_reply(form.status, form.code, failure_text(why), head, request_id);
  if (form.heals()) reply.fields.emplace_back("Retry-After", std::to_string(limits::retry_after_s));
  if (form.status == 401) reply.fields.emplace_back("WWW-Authenticate", R"(Basic realm="tunnel", charset="UTF-8")");
  return reply;
}

Reply fault_reply(const http::Fault& fault, const http::RequestHead& head, std::string_view request_id) {
  const std::string text = std::string(fault_text(fault.status)) + " (" + fault.reason + ").";
  Reply reply = page_reply(fault.status, fault.reason, text, head, request_id);
  if (fault.status == 405) reply.fields.emplace_back("Allow", tunnel_methods);
  return reply;
}

Reply not_found_reply(std::string_view code, std::string_view text, const http::RequestHead& head,
                      std::string_view request_id) {
  return page_reply(404, code, text, head, request_id);
}

Reply last_hop_reply(const http::RequestHead& head) {
  Reply reply;
  if (head.method != "TRACE") {
    reply.fields.emplace_back("Allow", tunnel_methods);
    return reply;
  }
  // RFC 9110 9.3.8: the request as received, without the fields that a script must not read.
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

void send_reply(const Reply& reply, std::string_view date, http::ServerStream& stream) {
  using Kind = http::BodySize::Kind;
  const bool to_head = stream.head().method == "HEAD";
  http::ResponseHead head;
  head.status = reply.status;
  head.fields.push_back({"Date", date});
  for (const auto& [name, value] : reply.fields) head.fields.push_back({name, value});
  if (!reply.body.empty()) head.fields.push_back({"Content-Type", reply.content_type});
  stream.answer(head, {to_head ? Kind::none : Kind::known, reply.body.size()});
  if (!to_head && !reply.body.empty()) stream.write(to_bytes(reply.body));
  stream.end({});
}

}  // namespace tenfold::broker
