// Somebody who wants an upstream, and keeps what comes.
#pragma once

#include <string_view>
#include <utility>

#include "broker/tunnels/tunnel.h"

namespace tenfold::broker::test {

struct Wanting final : Opening {
  std::string_view opening_peer() const override { return "203.0.113.9:1"; }
  bool opening_wants_fresh() const override { return wants_fresh; }
  void on_open(Upstream given) override { upstream = std::move(given); }
  void on_open_failed(const Error& error) override { why = error; }
  void on_evicted() override { evicted = true; }

  bool wants_fresh = false;
  bool evicted = false;
  Upstream upstream;
  Error why;
};

}  // namespace tenfold::broker::test
