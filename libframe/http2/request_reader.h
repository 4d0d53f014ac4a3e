// RequestReader: turns the fields of one HTTP/2 request into the http::RequestHead that HTTP/1.1 would have had, or a
// Fault. nghttp2 resets streams with malformed messages (RFC 9113 8.1 to 8.3: upper-case names, missing and repeated
// pseudo-header fields, a path without its slash or with an octet that splits a line, no host, connection-specific
// fields, `te` other than trailers, an invalid Content-Length); those never get here. This class checks what a request
// asks for:
//
//   :path         the target; no fragment
//   :authority    the Host, before all other fields; a Host field must be equal
//   :scheme       that of the connection
//   :protocol     extended CONNECT (RFC 8441): GET with Connection: Upgrade, Upgrade: PROTOCOL, and the key that a
//                 WebSocket of HTTP/1.1 has
//   cookie        one field (RFC 9113 8.2.3), its crumbs joined by "; "
//
//   reader.start();
//   reader.take(name, value)…;        // false: no head but a bomb
//   reader.finish("https", ended);    // `ended`: the head had END_STREAM
//   if (reader.fault()) … else use(reader.head(), reader.body());
//
// Pure. One for each stream; the views are valid until start().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/head.h"
#include "http/server_stream.h"
#include "http2/field_list.h"

namespace tenfold::http2 {

class RequestReader {
 public:
  void start();

  // False when the list weighs more than limits::h2_header_list_most.
  bool take(std::string_view name, std::string_view value);

  void finish(std::string_view scheme, bool ended);

  const http::RequestHead& head() const { return head_; }
  const http::Fault& fault() const { return fault_; }
  http::BodySize body() const { return body_; }
  // Extended CONNECT: `:protocol`, or "".
  std::string_view protocol() const { return protocol_; }
  // The key that replaces a WebSocket client's; "" for other protocols.
  std::string_view websocket_key() const { return key_; }

 private:
  void check(std::string_view scheme);
  void check_target(std::string_view scheme);
  void check_host();
  void make_fields();
  void make_body(bool ended);
  void fail(int status, const char* reason);

  FieldList list_;      // regular fields, cookies left out
  std::string cookie_;  // crumbs, joined
  std::string method_;
  std::string scheme_;
  std::string authority_;
  std::string path_;
  std::string protocol_;
  std::string key_;
  http::RequestHead head_;
  http::BodySize body_;
  http::Fault fault_;
};

}  // namespace tenfold::http2
