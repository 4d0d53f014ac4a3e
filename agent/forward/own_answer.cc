#include "agent/forward/own_answer.h"

#include "http1/head_writer.h"

namespace tenfold {
namespace {

std::string answer(int status, const std::string& body, bool with_body) {
  std::string out;
  http1::HeadWriter head(out);
  head.status_line(status, {});
  head.field("Content-Type", "text/plain; charset=utf-8");
  head.field("Content-Length", body.size());
  head.field("Connection", "close");
  head.end();
  return with_body ? out + body : out;
}

}  // namespace

std::string bad_gateway(ErrorKind cause, bool with_body) {
  return answer(502, std::string("The local application does not answer: ") + to_string(cause) + ".\n", with_body);
}

std::string gateway_timeout(Duration waited, bool with_body) {
  return answer(504, "The local application did not answer within " + in_seconds(waited) + ".\n", with_body);
}

}  // namespace tenfold
