#include "broker/app/answer_head.h"

#include <utility>

namespace tenfold::broker {
namespace {

using Kind = http1::Framing::Kind;

// All but the fields of this connection alone; Content-Length too only where it tells of a body
// that does not come (HEAD, 304): once, as `told`.
void copy_fields(const http::Fields& fields, const std::uint64_t* told, http1::HeadWriter& out) {
  const http::HopByHop hop_by_hop(fields);
  for (const http::Field& field : fields) {
    if (hop_by_hop.has(field.name)) continue;
    if (!http::equal_nocase(field.name, "Content-Length")) {
      out.field(field.name, field.value);
    } else if (told != nullptr) {
      out.field("Content-Length", *std::exchange(told, nullptr));
    }
  }
}

// What an app wants spoken instead: RFC 9110 15.5.22, a 426 without it says nothing. Not h2c, which is never asked of
// an app.
void write_wanted_upgrade(const http::Fields& fields, http1::HeadWriter& out) {
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

}  // namespace

AnswerForm write_answer_head(const http::ResponseHead& head, http1::Framing framing, int minor_version, bool to_head,
                             Duration keep, std::string& out) {
  AnswerForm form{framing.kind, keep != Duration::zero()};
  if (form.body == Kind::chunked && minor_version == 0) form.body = Kind::until_close;
  if (form.body == Kind::until_close && minor_version == 1) form.body = Kind::chunked;
  if (form.body == Kind::until_close) form.keep = false;

  http1::HeadWriter writer(out);
  writer.status_line(head.status, head.reason);
  const bool tells_length = to_head || head.status == 304;
  copy_fields(head.fields, form.body == Kind::none && tells_length ? &framing.length : nullptr, writer);
  if (form.body == Kind::length) writer.field("Content-Length", framing.length);
  if (form.body == Kind::chunked) writer.field("Transfer-Encoding", "chunked");
  if (head.status == 426 && minor_version != 0) write_wanted_upgrade(head.fields, writer);
  write_persistence(form.keep ? keep : Duration::zero(), minor_version, writer);
  writer.end();
  return form;
}

void write_persistence(Duration keep, int minor_version, http1::HeadWriter& head) {
  if (keep == Duration::zero()) return head.field("Connection", "close");
  if (minor_version == 0) head.field("Connection", "keep-alive");
  head.keep_alive(std::chrono::duration_cast<std::chrono::seconds>(keep));
}

void write_interim_head(const http::ResponseHead& head, std::string& out) {
  http1::HeadWriter writer(out);
  writer.status_line(head.status, head.reason);
  copy_fields(head.fields, nullptr, writer);
  writer.end();
}

void write_switch_head(const http::ResponseHead& head, std::string& out) {
  http1::HeadWriter writer(out);
  writer.status_line(head.status, head.reason);
  copy_fields(head.fields, nullptr, writer);
  writer.field("Connection", "Upgrade");
  if (const http::Field* upgrade = http::find(head.fields, "Upgrade")) writer.field("Upgrade", upgrade->value);
  writer.end();
}

}  // namespace tenfold::broker
