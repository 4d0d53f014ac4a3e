// What a test of the agent's parts stands on: time, a network in memory, and the lines that a person would see.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "agent/forward/forwarder.h"
#include "agent/links/broker_side.h"
#include "agent/screen/tunnel_status.h"
#include "agent/targets/local_target.h"
#include "fake_network.h"
#include "support/test_runtime.h"

namespace tenfold::test {

class RecordingOutput final : public StatusOutput {
 public:
  void out(std::string_view line) override { lines.emplace_back(line); }
  void err(std::string_view line) override { errors.emplace_back(line); }

  bool has(std::string_view part) const { return any(lines, part); }
  bool has_error(std::string_view part) const { return any(errors, part); }

  std::vector<std::string> lines;   // stdout
  std::vector<std::string> errors;  // stderr

 private:
  static bool any(const std::vector<std::string>& where, std::string_view part) {
    return std::any_of(where.begin(), where.end(),
                       [part](const std::string& line) { return line.find(part) != std::string::npos; });
  }
};

// A generator that gives the middle of every range.
inline double middle() { return 0.5; }

struct AgentFixture {
  TestRuntime test;
  Runtime& runtime = test.runtime;
  FakeNetwork network{runtime};
  RecordingOutput output;
  Screen screen{output, {}, [] { return std::time_t{0}; }};
  Status status{screen};
  TunnelStatus tunnel_status{status, "http://127.0.0.1:8080", TunnelStatus::Among::alone};
  LocalTarget local{runtime, network, tunnel_status, Endpoint{false, {"127.0.0.1", 8080}}, nullptr};
  Forwarding forwarding{runtime, local, tunnel_status, {}, false};
  KnownBrokers known{runtime.log, {}};
  BrokerSide side{.runtime = runtime,
                  .network = network,
                  .status = status,
                  .known = known,
                  .random = middle,
                  .broker = {},
                  .tls = nullptr,
                  .token = {}};
  Tunnel tunnel{forwarding, {}};

  void pass(Duration delay) {
    test.pass(delay);
    network.pump();
  }
};

}  // namespace tenfold::test
