// RequestLines: prints a line for each request that an HttpPass reads, when its answer has ended (--print-requests).
#pragma once

#include <string>

#include "agent/forward/forwarding.h"
#include "agent/forward/http_pass.h"

namespace tenfold {

class RequestLines final : public HttpPass::Observer {
 public:
  // `opener`: the address that opened the pipe, for a request whose head does not name its visitor; may be empty.
  RequestLines(Forwarding& forwarding, std::string opener) : forwarding_(forwarding), opener_(std::move(opener)) {}

  void on_request(const http::RequestHead& head, HttpPass::Asked& asked) override;
  void on_answered(const HttpPass::Asked& asked, const HttpPass::Answered& answered) override;

 private:
  Forwarding& forwarding_;
  const std::string opener_;
};

}  // namespace tenfold
