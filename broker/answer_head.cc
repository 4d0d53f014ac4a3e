#include "broker/answer_head.h"

namespace tenfold::broker {
namespace {

using Kind = http1::Framing::Kind;

// All but the fields of this connection alone; Content-Length too only where it tells of a body
// that does not come (HEAD, 304).
void copy_fields(const http1::Fields& fields, bool with_length, http1::HeadWriter& out) {
  const http1::HopByHop hop_by_hop(fields);
  for (const http1::Field& field : fields) {
    if (hop_by_hop.has(field.name)) continue;
    if (!with_length && http1::equal_nocase(field.name, "Content-Length")) continue;
    out.field(field.name, field.value);
  }
}

}  // namespace

AnswerForm write_answer_head(const http1::ResponseHead& head, http1::Framing framing, int minor_version, bool to_head,
                             Duration keep, std::string& out) {
  AnswerForm form{framing.kind, keep != Duration::zero()};
  if (form.body == Kind::chunked && minor_version == 0) form.body = Kind::until_close;
  if (form.body == Kind::until_close && minor_version == 1) form.body = Kind::chunked;
  if (form.body == Kind::until_close) form.keep = false;

  http1::HeadWriter writer(out);
  writer.status_line(head.status, head.reason);
  const bool tells_length = to_head || head.status == 304;
  copy_fields(head.fields, form.body == Kind::none && tells_length, writer);
  if (form.body == Kind::length) writer.field("Content-Length", framing.length);
  if (form.body == Kind::chunked) writer.field("Transfer-Encoding", "chunked");
  write_persistence(form.keep ? keep : Duration::zero(), minor_version, writer);
  writer.end();
  return form;
}

void write_persistence(Duration keep, int minor_version, http1::HeadWriter& head) {
  if (keep == Duration::zero()) return head.field("Connection", "close");
  if (minor_version == 0) head.field("Connection", "keep-alive");
  head.keep_alive(std::chrono::duration_cast<std::chrono::seconds>(keep));
}

void write_interim_head(const http1::ResponseHead& head, std::string& out) {
  http1::HeadWriter writer(out);
  writer.status_line(head.status, head.reason);
  copy_fields(head.fields, false, writer);
  writer.end();
}

void write_switch_head(const http1::ResponseHead& head, std::string& out) {
  http1::HeadWriter writer(out);
  writer.status_line(head.status, head.reason);
  copy_fields(head.fields, false, writer);
  writer.field("Connection", "Upgrade");
  if (const http1::Field* upgrade = http1::find(head.fields, "Upgrade")) writer.field("Upgrade", upgrade->value);
  writer.end();
}

}  // namespace tenfold::broker
