#include "broker/admin/health_site.h"

#include <nlohmann/json.hpp>

#include "broker/admin/requests.h"

namespace tenfold::broker {

Reply HealthSite::answer(const http::RequestHead& head) {
  const std::string_view path = split_target(head.target).path;
  if (path != "/healthz" && path != "/readyz" && path != "/metrics") {
    return refusal_reply(404, "not-found", "Here are /healthz, /readyz and /metrics.");
  }
  if (!reads(head)) return wrong_method_reply("GET, HEAD");
  Reply reply;
  if (path == "/readyz") {
    reply = ready(head.fields);
  } else if (path == "/metrics") {
    // Prometheus' text format, version 0.0.4.
    reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    reply.body = metrics_();
  } else {
    reply.body = "ok\n";
  }
  reply.fields.emplace_back("Cache-Control", "no-store");
  return reply;
}

Reply HealthSite::ready(const http::Fields& fields) const {
  const std::vector<Readiness::Found> checks = readiness_.look();
  const bool is_ready = Readiness::is_ready(checks);
  const int status = is_ready ? 200 : 503;
  if (accepts_json(fields)) {
    nlohmann::json body{{"ready", is_ready}, {"checks", nlohmann::json::array()}};
    for (const auto& [name, failing, weight] : checks) {
      nlohmann::json check{{"name", name}, {"ok", failing.empty()}, {"decides", weight == Readiness::Weight::decides}};
      if (!failing.empty()) check["detail"] = failing;
      body["checks"].push_back(std::move(check));
    }
    return json_reply(status, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  Reply reply;
  reply.status = status;
  reply.body = is_ready ? "ready\n" : "not ready\n";
  for (const auto& [name, failing, weight] : checks) {
    const char* const state = failing.empty()                        ? ": ok"
                              : weight == Readiness::Weight::decides ? ": failing: "
                                                                     : ": warning: ";
    reply.body.append(name).append(state).append(failing).append("\n");
  }
  return reply;
}

}  // namespace tenfold::broker
