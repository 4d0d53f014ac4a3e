// The log's lines about requests, each made from the request's record at its end.
#pragma once

#include "base/log.h"
#include "broker/app/request_record.h"

namespace tenfold::broker {

// Takes each request at its end, for a line of its own. Never waits for who reads them.
class AccessLog {
 public:
  virtual void add(const RequestRecord& record) = 0;

 protected:
  ~AccessLog() = default;
};

// `reject`, `failed`, `cut`, or at level debug `request`. docs/OPERATING.md, "The log".
void log_request(Log& log, const RequestRecord& record);

}  // namespace tenfold::broker
