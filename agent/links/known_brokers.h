// KnownBrokers: the brokers that have spoken tenfold/1, kept over restarts of the agent. A broker that is listed here
// is never used over classic sockets in place of a link, whatever it answers. Nothing else is stored; in particular no
// fallback: an unlisted broker is asked.
//
// The file is `brokers` in the state folder: one line per broker, "https://tunnel.example:443", the latest last. It is
// read once, at the start, and written when a new broker speaks tenfold/1; both are fast enough for the loop's thread.
// If the folder cannot be made or written, that is no error: the list is then kept in memory only.
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
  // Reads the file in `folder`; empty: nothing is stored. Invalid lines are ignored, with one warning.
  KnownBrokers(Log& log, std::string folder);

  bool spoke_mux(const Endpoint& broker) const;
  void on_spoke_mux(const Endpoint& broker);

 private:
  using Origins = std::vector<std::string>;  // the latest last, at most rules::known_brokers

  // `ignored`: the number of invalid lines; a file that is not ours counts as one.
  Origins read(std::size_t& ignored) const;
  void store(const std::string& origin) const;

  Log& log_;
  const std::string folder_;
  const std::string file_;
  Origins known_;
};

}  // namespace tenfold
