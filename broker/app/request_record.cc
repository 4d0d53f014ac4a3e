#include "broker/app/request_record.h"

#include <algorithm>

#include "broker/rules.h"
#include "http/failure_texts.h"

namespace tenfold::broker {
namespace {

// Empty: none of these.
std::string_view usual_method(std::string_view method) {
  for (const std::string_view usual : {"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    if (method == usual) return usual;
  }
  return {};
}

}  // namespace

const char* to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::served: return "served";
    case Outcome::upgraded: return "upgraded";
    case Outcome::own: return "own";
    case Outcome::linked: return "linked";
    case Outcome::rejected: return "rejected";
    case Outcome::failed: return "failed";
    case Outcome::left: return "left";
  }
  return "own";
}

Origin RequestRecord::origin() const {
  switch (outcome) {
    case Outcome::served:
    case Outcome::upgraded: return Origin::app;
    case Outcome::own:
    case Outcome::linked: return Origin::broker;
    case Outcome::rejected:
    case Outcome::left: return Origin::visitor;
    case Outcome::failed: return failure_form(why).origin;
  }
  return Origin::none;
}

void RequestRecord::keep_request(const http::RequestHead& head) {
  target.assign(head.target.substr(0, rules::access_target));
  method = usual_method(head.method);
  if (!method.empty()) return;
  rare_method_.assign(head.method.substr(0, rules::access_method));
  // Of a head that cannot be read it may be anything.
  std::replace_if(
      rare_method_.begin(), rare_method_.end(),
      [](char c) { return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-'; }, '?');
  method = rare_method_;
}

void RequestRecord::begin(TimePoint now, std::string_view id, std::string_view address) {
  request_id.assign(id);
  tunnel = {};
  peer = address;
  client = {};
  outcome = Outcome::own;
  status = 0;
  why.kind = ErrorKind::none;
  why.detail.clear();
  why.origin = Origin::none;
  reason = {};
  limit = http::Limit::none;
  hint.clear();
  body_in = 0;
  body_out = 0;
  began = now;
  assigned = {};
  opened = {};
  first_byte = {};
  ended = {};
  link = {};
}

}  // namespace tenfold::broker
