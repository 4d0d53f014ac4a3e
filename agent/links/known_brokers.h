// KnownBrokers: which brokers have spoken tenfold/1, over restarts of the agent. A broker that is known here is never
// spoken to over the classic sockets in place of a link, whatever an answer looks like. Nothing else is kept, and in
// particular no fallback: what is not known is asked.
//
// The file is `brokers` in the state folder: a line for each, "https://tunnel.example:443", the latest last. It is read
// once, at the start, and written when a broker speaks tenfold/1 that is not in it; both are small enough to be done on
// the loop. A folder that is not there and cannot be made, or cannot be written, is no error: then this process alone
// knows.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "agent/rules.h"
#include "agent/targets/endpoint.h"
#include "base/log.h"

namespace tenfold {

class KnownBrokers {
 public:
  // Reads what is in `folder`; empty: nothing is kept. Lines that make no sense are ignored, with one warning.
  KnownBrokers(Log& log, std::string folder);

  bool spoke_mux(const Endpoint& broker) const;
  void on_spoke_mux(const Endpoint& broker);

 private:
  using Origins = std::vector<std::string>;  // the latest last, rules::known_brokers at most

  // `ignored`: lines that make no sense; a file that is none counts as one.
  Origins read(std::size_t& ignored) const;
  void store(const std::string& origin) const;

  Log& log_;
  const std::string folder_;
  const std::string file_;
  Origins known_;
};

}  // namespace tenfold
