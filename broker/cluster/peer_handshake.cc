#include "broker/cluster/peer_handshake.h"

#include "broker/rules.h"

namespace tenfold::broker::peer_handshake {

namespace {

// As in link_core.cc: a link with so many streams can be pressed early enough, and is not pressed for good.
static_assert(limits::tunnel_buffered_low + limits::flush_small + limits::link_window +
                      rules::peer_streams * std::size_t{limits::stream_window_pressed} + limits::windows_grown <
                  rules::peer_held,
              "what slow readers hold of a peer link fits");

bool upgrades(const http::Fields& fields) {
  return http::has_token(fields, "Connection", "Upgrade") && http::has_token(fields, "Upgrade", upgrade_token);
}

}  // namespace

std::string_view request() {
  return "GET /?peer HTTP/1.1\r\nHost: tenfold-peer\r\nConnection: Upgrade\r\nUpgrade: tenfold-peer/1\r\n\r\n";
}

std::string_view acceptance() {
  return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tenfold-peer/1\r\n\r\n";
}

std::string_view refusal() { return "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"; }

bool asks(const http::RequestHead& head) {
  return head.method == "GET" && head.target == "/?peer" && head.minor_version == 1 && upgrades(head.fields);
}

bool accepts(const http::ResponseHead& head) { return head.status == 101 && upgrades(head.fields); }

LinkOptions link_options() {
  LinkOptions options;
  options.max_streams = rules::peer_streams;
  options.held_most = rules::peer_held;
  options.peers = true;
  return options;
}

}  // namespace tenfold::broker::peer_handshake
