// The handshake of a peer link, behind its TLS: what the dialler asks and what it is answered, and the link's options
// on both sides. docs/PROTOCOL.md, "Between replicas". Pure.
#pragma once

#include <string_view>

#include "http/head.h"
#include "mux/link.h"

namespace tenfold::broker::peer_handshake {

inline constexpr std::string_view upgrade_token = "tenfold-peer/1";

// The two heads, as bytes.
std::string_view request();
std::string_view acceptance();
// For a head that is no such request.
std::string_view refusal();

bool asks(const http::RequestHead& head);
bool accepts(const http::ResponseHead& head);

LinkOptions link_options();

}  // namespace tenfold::broker::peer_handshake
