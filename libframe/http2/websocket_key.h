// The key of a WebSocket handshake over HTTP/1.1, for an extended CONNECT, which has none, and the answer to it. The
// answer shows that a WebSocket server has read the key, and not a cache or another server. Pure but for the random
// numbers.
#pragma once

#include <string>
#include <string_view>

namespace tenfold::http2 {

// RFC 6455 4.1: "a nonce consisting of a randomly selected 16-byte value that has been base64-encoded".
std::string make_websocket_key();

// RFC 6455 4.2.2: the base64 of the SHA-1 of the key and a GUID.
std::string websocket_accept(std::string_view key);

}  // namespace tenfold::http2
