// A client who asks the broker's own site, and what it gets.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "public_rig.h"

namespace tenfold::broker::test {

using nlohmann::json;

struct Got {
  int status = 0;
  std::string head;
  std::string body;
  json value() const { return json::parse(body, nullptr, false); }
};

inline Got ask(Rig& rig, const std::string& path, const std::string& fields = {},
               const std::string& host = "example.test") {
  rig.browser->take();
  rig.browser_says("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n");
  const std::string heard = rig.browser->take();
  const std::size_t end = heard.find("\r\n\r\n");
  REQUIRE(end != std::string::npos);
  return {std::stoi(heard.substr(9, 3)), heard.substr(0, end + 2), heard.substr(end + 4)};
}

inline const std::string upgrade = "Connection: Upgrade\r\nUpgrade: tenfold/1\r\n";
inline const std::string offer = "Tenfold-Offer: tenfold/1\r\n";

// The requests of strangers: each on a connection of its own.
inline Got ask_from(Rig& rig, const std::string& ip, const std::string& path, const std::string& fields = {}) {
  rig.connect(ip);
  return ask(rig, path, fields);
}

}  // namespace tenfold::broker::test
