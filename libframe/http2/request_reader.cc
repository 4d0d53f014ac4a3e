#include "http2/request_reader.h"

#include <charconv>

#include "base/limits.h"
#include "http/authority.h"
#include "http/octets.h"
#include "http2/websocket_key.h"

namespace tenfold::http2 {

void RequestReader::start() {
  list_.clear();
  for (std::string* text : {&cookie_, &method_, &scheme_, &authority_, &path_, &protocol_, &key_}) {
    if (text->capacity() > limits::head_buffer_kept) *text = {};
    text->clear();
  }
  head_.method = head_.target = head_.authority = {};
  head_.fields.clear();
  body_ = {};
  fault_ = {};
}

bool RequestReader::take(std::string_view name, std::string_view value) {
  list_.weigh(name, value);
  // A head that is too large is answered with 431: the rest is decoded and dropped.
  if (list_.weight() > limits::h2_header_list) return list_.weight() <= limits::h2_header_list_most;
  if (name == ":method") {
    method_ = value;
  } else if (name == ":scheme") {
    scheme_ = value;
  } else if (name == ":authority") {
    authority_ = value;
  } else if (name == ":path") {
    path_ = value;
  } else if (name == ":protocol") {
    protocol_ = value;
  } else if (name == "cookie") {
    // RFC 9113 8.2.3: "If there are multiple Cookie header fields after decompression, these MUST be concatenated into
    // a single octet string using the two-octet delimiter of 0x3b, 0x20 (the ASCII string "; ") before being passed
    // into a non-HTTP/2 context".
    if (!cookie_.empty()) cookie_ += "; ";
    cookie_ += value;
  } else {
    list_.add(name, value);
  }
  return true;
}

void RequestReader::finish(std::string_view scheme, bool ended) {
  if (authority_.empty()) {
    // RFC 9113 8.3.1: a request converted from HTTP/1.1 may have a Host instead.
    for (std::size_t i = 0; i < list_.size() && authority_.empty(); ++i) {
      if (list_.view(i).name == "host") authority_ = list_.view(i).value;
    }
  }
  const bool connects = method_ == "CONNECT";
  head_.method = connects && !protocol_.empty() ? "GET" : std::string_view(method_);
  head_.target = connects && protocol_.empty() ? authority_ : path_;
  head_.authority = authority_;
  check(scheme);
  make_fields();
  make_body(ended);
}

void RequestReader::check(std::string_view scheme) {
  if (list_.weight() > limits::h2_header_list) return fail(431, "long-head");
  if (list_.size() > limits::head_fields) return fail(431, "many-fields");
  check_target(scheme);
  check_host();
  if (!protocol_.empty() && !http::is_token(protocol_)) fail(400, "bad-protocol");
}

void RequestReader::check_target(std::string_view scheme) {
  if (method_ == "CONNECT" && protocol_.empty()) return;
  // RFC 9110 4.2: http and https only; RFC 9113 8.3.1 leaves other schemes to proxies.
  if (scheme_ != scheme) return fail(400, "bad-scheme");
  if (head_.target.size() > limits::request_line_bytes) return fail(414, "long-request-line");
  if (head_.target.find('#') != std::string_view::npos) fail(400, "fragment");
}

void RequestReader::check_host() {
  // RFC 9113 8.3.1: ":authority MUST NOT include the deprecated userinfo subcomponent".
  if (authority_.find('@') != std::string::npos) return fail(400, "userinfo");
  if (!http::is_authority(authority_)) return fail(400, "bad-host");
  for (std::size_t i = 0; i < list_.size(); ++i) {
    const http::Field field = list_.view(i);
    // "A server SHOULD treat a request as malformed if it contains a Host header field that identifies an entity that
    // differs from the entity in the :authority pseudo-header field."
    if (field.name == "host" && !http::equal_nocase(field.value, authority_)) return fail(400, "second-host");
  }
}

void RequestReader::make_fields() {
  http::Fields& fields = head_.fields;
  if (!authority_.empty()) fields.push_back({"Host", authority_});
  if (fault_ && fault_.status == 431) return;  // most fields were dropped
  const bool websocket = http::equal_nocase(protocol_, "websocket");
  for (std::size_t i = 0; i < list_.size(); ++i) {
    const http::Field field = list_.view(i);
    if (field.name == "host" || (websocket && field.name == "sec-websocket-key")) continue;
    fields.push_back(field);
  }
  if (!cookie_.empty()) fields.push_back({"cookie", cookie_});
  if (protocol_.empty()) return;
  fields.push_back({"Connection", "Upgrade"});
  fields.push_back({"Upgrade", protocol_});
  if (!websocket) return;
  // RFC 8441 5 uses no key; an HTTP/1.1 server requires one (RFC 6455 4.2.1).
  key_ = make_websocket_key();
  fields.push_back({"Sec-WebSocket-Key", key_});
}

void RequestReader::make_body(bool ended) {
  // The bytes after an extended CONNECT are not content.
  if (ended || !protocol_.empty()) return;
  body_.kind = http::BodySize::Kind::unknown;
  const http::Field* const length = http::find(head_.fields, "content-length");
  if (length == nullptr) return;
  body_.kind = http::BodySize::Kind::known;
  // The number is valid: nghttp2 enforces it for the body.
  std::from_chars(length->value.data(), length->value.data() + length->value.size(), body_.length);
}

void RequestReader::fail(int status, const char* reason) {
  if (!fault_) fault_ = {status, reason};
}

}  // namespace tenfold::http2
