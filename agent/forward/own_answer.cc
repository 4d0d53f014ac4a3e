#include "agent/forward/own_answer.h"

#include "base/limits.h"
#include "http/failure_texts.h"
#include "http/page.h"
#include "http1/head_writer.h"

namespace tenfold {

Error dial_failure(const Error& why) {
  switch (why.kind) {
    case ErrorKind::timeout:
    case ErrorKind::dns:
    case ErrorKind::tls: return {why.kind, {}, Origin::app};
    case ErrorKind::limit: return {why.kind, {}, Origin::agent};
    default: return {ErrorKind::refused, {}, Origin::app};
  }
}

std::string own_answer(const Error& why, std::string_view accept, std::string_view date, bool with_body) {
  const FailureForm& form = failure_form(why);
  const http::Page page = http::failure_page(form.status, form.code, failure_text(why), {{"Accept", accept}}, {});
  std::string out;
  http1::HeadWriter head(out);
  head.status_line(form.status, {});
  head.field("Date", date);
  head.field("Content-Type", page.content_type);
  head.field("Content-Length", page.body.size());
  head.field("Cache-Control", "no-store");
  if (form.heals()) head.field("Retry-After", limits::retry_after_s);
  head.field(cause_code_field, form.code);
  head.field("Connection", "close");
  head.end();
  return with_body ? out + page.body : out;
}

}  // namespace tenfold
