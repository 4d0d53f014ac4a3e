#include "http1/request_target.h"

#include "http/authority.h"

namespace tenfold::http1 {
namespace {

// Without the port if it is the default port of the scheme.
std::string_view without_usual_port(std::string_view host, std::string_view scheme) {
  const std::string_view bare = http::without_port(host);
  const std::string_view port = host.substr(bare.size());
  return port == ":" || port == (scheme == "https" ? ":443" : ":80") ? bare : host;
}

Target bad(int status, const char* reason) { return {{}, {}, {status, reason}}; }

}  // namespace

Target read_target(const http::RequestHead& head, std::string& made) {
  const std::string_view target = head.target;
  if (head.method == "CONNECT") return bad(405, "connect");
  const http::Field* host = http::find(head.fields, "Host");
  if (target.front() == '/' || target == "*") {
    if (host == nullptr || host->value.empty()) return bad(400, "missing-host");
    return {target, host->value, {}};
  }
  const std::string_view authority = http::target_authority(target);
  if (authority.empty()) return bad(400, "bad-target");
  if (host != nullptr && host->value.empty()) return bad(400, "missing-host");
  const std::string_view scheme = http::target_scheme(target);
  if (host != nullptr &&
      !http::equal_nocase(without_usual_port(authority, scheme), without_usual_port(host->value, scheme))) {
    return bad(400, "host-mismatch");
  }
  const std::string_view asked = host == nullptr ? authority : host->value;
  const std::string_view rest = target.substr(scheme.size() + 3 + authority.size());
  // 3.2.4: an OPTIONS request for the server as a whole.
  if (rest.empty()) return {head.method == "OPTIONS" ? "*" : "/", asked, {}};
  if (rest.front() == '/') return {rest, asked, {}};
  // 3.2.1: an empty path is "/".
  made.assign("/").append(rest);
  return {made, asked, {}};
}

}  // namespace tenfold::http1
