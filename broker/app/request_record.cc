#include "broker/app/request_record.h"

namespace tenfold::broker {

void RequestRecord::begin(TimePoint now, std::string_view id, std::string_view address) {
  request_id.assign(id);
  tunnel = {};
  peer = address;
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
}

}  // namespace tenfold::broker
