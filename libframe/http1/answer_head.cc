#include "http1/answer_head.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "http1/head_writer.h"

namespace tenfold::http1 {
namespace {

using Kind = http::BodySize::Kind;
using Body = AnswerForm::Body;

// All fields but those of this connection alone. If an answer declares a body that is not sent (HEAD, 304), `told` is
// its Content-Length, written once.
void copy_fields(const http::Fields& fields, const std::uint64_t* told, HeadWriter& out) {
  const http::HopByHop hop_by_hop(fields);
  for (const http::Field& field : fields) {
    if (hop_by_hop.has(field.name)) continue;
    if (!http::equal_nocase(field.name, "Content-Length")) {
      out.field(field.name, field.value);
    } else if (told != nullptr) {
      out.field("Content-Length", *std::exchange(told, nullptr));
    }
  }
  if (told != nullptr && *told != 0) out.field("Content-Length", *told);
}

// The protocol that an app requires: RFC 9110 15.5.22, a 426 must name it. h2c is left out: an app is never asked for
// it.
void write_wanted_upgrade(const http::Fields& fields, HeadWriter& out) {
  std::string wanted;
  http::any_token(fields, "Upgrade", [&](std::string_view protocol) {
    if (http::equal_nocase(protocol, "h2c")) return false;
    if (!wanted.empty()) wanted += ", ";
    wanted += protocol;
    return false;
  });
  if (wanted.empty()) return;
  out.field("Connection", "Upgrade");
  out.field("Upgrade", wanted);
}

// RFC 9112 6.1: HTTP/1.0 has no chunks.
Body body_of(http::BodySize size, int minor_version) {
  switch (size.kind) {
    case Kind::none: return Body::none;
    case Kind::known: return Body::plain;
    case Kind::unknown: break;
  }
  return minor_version == 0 ? Body::until_close : Body::chunked;
}

// Connection and Keep-Alive.
void write_persistence(Duration keep, int minor_version, HeadWriter& head) {
  if (keep == Duration::zero()) return head.field("Connection", "close");
  if (minor_version == 0) head.field("Connection", "keep-alive");
  head.keep_alive(std::chrono::duration_cast<std::chrono::seconds>(keep));
}

}  // namespace

AnswerForm write_answer_head(const http::ResponseHead& head, http::BodySize size, int minor_version, bool to_head,
                             Duration keep, std::string& out) {
  AnswerForm form{body_of(size, minor_version), keep != Duration::zero()};
  if (form.body == Body::until_close) form.keep = false;

  HeadWriter writer(out);
  writer.status_line(head.status, head.reason);
  const bool tells_length = to_head || head.status == 304;
  copy_fields(head.fields, form.body == Body::none && tells_length ? &size.length : nullptr, writer);
  if (form.body == Body::plain) writer.field("Content-Length", size.length);
  if (form.body == Body::chunked) writer.field("Transfer-Encoding", "chunked");
  if (head.status == 426) write_wanted_upgrade(head.fields, writer);
  write_persistence(form.keep ? keep : Duration::zero(), minor_version, writer);
  writer.end();
  return form;
}

void write_interim_head(const http::ResponseHead& head, std::string& out) {
  HeadWriter writer(out);
  writer.status_line(head.status, head.reason);
  copy_fields(head.fields, nullptr, writer);
  writer.end();
}

void write_switch_head(const http::ResponseHead& head, std::string& out) {
  HeadWriter writer(out);
  writer.status_line(head.status, head.reason);
  copy_fields(head.fields, nullptr, writer);
  writer.field("Connection", "Upgrade");
  if (const http::Field* upgrade = http::find(head.fields, "Upgrade")) writer.field("Upgrade", upgrade->value);
  writer.end();
}

void write_trailers(const http::Fields& trailers, std::string& out) {
  HeadWriter writer(out);
  for (const http::Field& field : trailers) {
    if (http::allowed_in_trailer(trailers, field.name)) writer.field(field.name, field.value);
  }
  writer.end();
}

}  // namespace tenfold::http1
