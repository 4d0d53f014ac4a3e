#include "broker/front/listeners.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/log.h"
#include "broker/admission/client_address.h"

namespace tenfold::broker {
namespace {

constexpr std::string_view http_name = "http";
constexpr std::string_view https_name = "https";

// An address without a host is every address: "[::]:443" of a socket.
bool same_place(const Address& asked, const Address& socket) {
  if (asked.is_unix() || socket.is_unix()) return asked == socket;
  if (asked.port != socket.port) return false;
  if (asked.host.empty()) return socket.host == "::" || socket.host == "0.0.0.0";
  const auto ip = parse_address(asked.host);
  return ip && ip == parse_address(socket.host);
}

bool take_place(std::vector<Address>& addresses, const InheritedSocket& socket) {
  const auto place = std::find_if(addresses.begin(), addresses.end(),
                                  [&](const Address& address) { return same_place(address, socket.address); });
  if (place == addresses.end()) return false;
  addresses.erase(place);
  return true;
}

bool has_name(const std::vector<InheritedSocket>& sockets, std::string_view name) {
  return std::any_of(sockets.begin(), sockets.end(),
                     [&](const InheritedSocket& socket) { return socket.name == name; });
}

}  // namespace

Error Listeners::take(const std::vector<InheritedSocket>& sockets) {
  for (const InheritedSocket& socket : sockets) {
    if (socket.name == http_name || (socket.name != https_name && take_place(http, socket))) {
      inherited_http.push_back(socket);
    } else if (socket.name == https_name || take_place(https, socket)) {
      inherited_https.push_back(socket);
    } else {
      return {ErrorKind::usage, "LISTEN_FDS: " + to_string(socket.address) + " (" +
                                    (socket.name.empty() ? "without a name" : printable(socket.name, 64)) +
                                    "): no --http or --https has this address, and its name is not http or https"};
    }
  }
  if (has_name(inherited_http, http_name)) http.clear();
  if (has_name(inherited_https, https_name)) https.clear();
  return {};
}

std::vector<Address> Listeners::addresses() const {
  std::vector<Address> all = http;
  for (const InheritedSocket& socket : inherited_http) all.push_back(socket.address);
  all.insert(all.end(), https.begin(), https.end());
  for (const InheritedSocket& socket : inherited_https) all.push_back(socket.address);
  return all;
}

}  // namespace tenfold::broker
