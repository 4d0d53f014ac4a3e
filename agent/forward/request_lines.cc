#include "agent/forward/request_lines.h"

#include "agent/rules.h"

namespace tenfold {

void RequestLines::on_request(const http::RequestHead& head, HttpPass::Asked& asked) {
  asked.target = head.target;  // the whole target
  asked.begun = forwarding_.runtime.now();
  // A server that shares a pipe among visitors names each one's address in the head; without that, the opener's is
  // used.
  const http::Field* forwarded = http::find(head.fields, "X-Forwarded-For");
  asked.visitor = forwarded == nullptr ? std::string_view(opener_) : forwarded->value.substr(0, rules::printed_target);
}

void RequestLines::on_answered(const HttpPass::Asked& asked, const HttpPass::Answered& answered) {
  using End = HttpPass::Answered::End;
  forwarding_.status.request({.method = asked.method,
                              .path = asked.target,
                              .peer = asked.visitor,
                              .status = answered.status,
                              .took = forwarding_.runtime.now() - asked.begun,
                              .bytes = answered.bytes,
                              .is_known = answered.end != End::unknown,
                              .is_cut = answered.end == End::cut});
}

}  // namespace tenfold
