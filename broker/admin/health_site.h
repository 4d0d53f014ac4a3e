// HealthSite: what a supervisor, a load balancer and Prometheus ask. It tells nothing of a tunnel, and changes nothing,
// so it may face the cluster's network.
//
//   GET /healthz    200 `ok`: the loop runs
//   GET /readyz     200, or 503 when a check of Readiness fails; a line for each check, or JSON for Accept:
//                   application/json
//   GET /metrics    the metrics in Prometheus' text format
#pragma once

#include <functional>
#include <string>

#include "broker/admin/readiness.h"
#include "broker/admin/site.h"

namespace tenfold::broker {

class HealthSite final : public Site {
 public:
  // `readiness` is borrowed. `metrics`: the text of /metrics, as of now.
  HealthSite(const Readiness& readiness, std::function<std::string()> metrics)
      : readiness_(readiness), metrics_(std::move(metrics)) {}

  Reply answer(const http::RequestHead& head) override;

 private:
  Reply ready(const http::Fields& fields) const;

  const Readiness& readiness_;
  const std::function<std::string()> metrics_;
};

}  // namespace tenfold::broker
