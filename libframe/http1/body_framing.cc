// Two parsers in a row must agree on where a body ends: otherwise an attacker can place a second request between them.
// So everything that RFC 9112 lets a recipient repair, or leaves open, is a fault here.
#include "http1/body_framing.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <optional>

#include "base/limits.h"
#include "http/octets.h"

namespace tenfold::http1 {

namespace {

constexpr std::uint64_t unknown = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t largest_size = std::numeric_limits<std::int64_t>::max();
constexpr std::uint8_t most_digits = 16;  // leading zeros included, so that a size line has an end

// Content-Length = 1*DIGIT
std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!http::is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (largest_size - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

int hex_value(char c) {
  if (http::is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The fault of a Transfer-Encoding that is not exactly "chunked".
http::Fault coding_fault(const http::Fields& fields) {
  int chunked = 0;
  bool unknown_before = false;
  bool any_behind = false;
  http::any_token(fields, "transfer-encoding", [&](std::string_view coding) {
    if (http::equal_nocase(coding, "chunked")) {
      ++chunked;
    } else {
      (chunked == 0 ? unknown_before : any_behind) = true;
    }
    return false;
  });
  // RFC 9112 6.1: "A server that receives a request message with a transfer coding it does not
  // understand SHOULD respond with 501 (Not Implemented)."
  if (unknown_before) return {501, "unknown-coding"};
  // "A sender MUST NOT apply the chunked transfer coding more than once to a message body", and 6.3
  // wants it last in a request.
  if (chunked != 1 || any_behind) return {400, "bad-transfer-encoding"};
  return {};
}

// For an answer, RFC 9110 8.6: one number repeated in a list or in several fields is that number.
Framed agreed_length(const http::Fields& fields) {
  std::optional<std::uint64_t> agreed;
  const char* fault = nullptr;
  http::any_token(fields, "content-length", [&](std::string_view element) {
    const std::optional<std::uint64_t> value = parse_length(element);
    if (!value) fault = "bad-content-length";
    if (value && agreed && *value != *agreed) fault = "content-length-conflict";
    if (!agreed) agreed = value;
    return fault != nullptr;
  });
  if (fault != nullptr) return {{}, {502, fault}};
  if (!agreed) return {{}, {502, "bad-content-length"}};
  return {{Framing::Kind::length, *agreed}, {}};
}

// The framing that the fields declare, or `otherwise` if they declare none. RFC 9112 6.3, items 3 to 6.
Framed framing_of(int minor_version, const http::Fields& fields, Framing::Kind otherwise) {
  const http::Field* const length = http::find(fields, "content-length");
  if (http::find(fields, "transfer-encoding") != nullptr) {
    // RFC 9112 6.1: "A server or client that receives an HTTP/1.0 message containing a
    // Transfer-Encoding header field MUST treat the message as if the framing is faulty".
    if (minor_version < 1) return {{}, {400, "encoding-on-1.0"}};
    // 6.3: "Such a message might indicate an attempt to perform request smuggling … and ought to be handled as an
    // error."
    if (length != nullptr) return {{}, {400, "content-length-conflict"}};
    return {{Framing::Kind::chunked, 0}, coding_fault(fields)};
  }
  if (length == nullptr) return {{otherwise, 0}, {}};
  if (otherwise == Framing::Kind::until_close) return agreed_length(fields);
  // Even if both agree: RFC 9110 8.6 lets a recipient refuse them.
  if (http::count(fields, "content-length") > 1) return {{}, {400, "content-length-conflict"}};
  const std::optional<std::uint64_t> value = parse_length(length->value);
  if (!value) return {{}, {400, "bad-content-length"}};
  return {{Framing::Kind::length, *value}, {}};
}

}  // namespace

http::BodySize body_size(const Framing& framing) {
  using Kind = http::BodySize::Kind;
  switch (framing.kind) {
    case Framing::Kind::none: return {Kind::none, framing.length};
    case Framing::Kind::length: return {Kind::known, framing.length};
    case Framing::Kind::chunked:
    case Framing::Kind::until_close: break;
  }
  return {Kind::unknown, 0};
}

Framed request_framing(const http::RequestHead& head) {
  return framing_of(head.minor_version, head.fields, Framing::Kind::none);
}

Framed response_framing(const http::ResponseHead& head, bool to_head) {
  // RFC 9112 6.3: "Any response to a HEAD request and any response with a 1xx (Informational), 204 (No
  // Content), or 304 (Not Modified) status code is always terminated by the first empty line after
  // the header fields, regardless of the header fields present in the message".
  if (to_head || head.status < 200 || head.status == 204 || head.status == 304) {
    // Its Content-Length, or no content; but a length that can be read in two ways is refused.
    if (http::find(head.fields, "content-length") == nullptr) return {};
    if (http::find(head.fields, "transfer-encoding") != nullptr) return {{}, {502, "content-length-conflict"}};
    Framed told = agreed_length(head.fields);
    told.framing.kind = Framing::Kind::none;
    return told;
  }
  Framed framed = framing_of(head.minor_version, head.fields, Framing::Kind::until_close);
  if (framed.fault) framed.fault.status = 502;
  return framed;
}

void BodyReader::start(Framing framing) {
  digits_ = 0;
  extension_bytes_ = 0;
  left_ = framing.length;
  fault_ = {};
  trailers_.reset();
  switch (framing.kind) {
    case Framing::Kind::none: phase_ = Phase::done; break;
    case Framing::Kind::length: phase_ = left_ == 0 ? Phase::done : Phase::length; break;
    case Framing::Kind::chunked: phase_ = Phase::size_first; break;
    case Framing::Kind::until_close: phase_ = Phase::until_close; break;
  }
}

BodyReader::Step BodyReader::next(Bytes in) {
  std::size_t at = 0;
  while (at < in.size()) {
    switch (phase_) {
      case Phase::done:
      case Phase::failed: return {at, {}};
      case Phase::until_close: return {in.size(), in};
      case Phase::length:
      case Phase::data: {
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size() - at));
        left_ -= n;
        if (left_ == 0) phase_ = phase_ == Phase::length ? Phase::done : Phase::data_cr;
        return {at + n, in.subspan(at, n)};
      }
      case Phase::trailers: at += read_trailers(in.subspan(at)); break;
      default: {
        on_framing_octet(static_cast<char>(in[at]));
        // The trailer reader takes the first octet of a trailer itself.
        if (phase_ != Phase::trailers) ++at;
      }
    }
  }
  return {at, {}};
}

// One octet between the chunks' payloads.
void BodyReader::on_framing_octet(char c) {
  switch (phase_) {
    case Phase::size_first:
      left_ = 0;
      digits_ = 0;
      if (hex_value(c) < 0) return fail(400, "bad-chunk-size");
      phase_ = Phase::size;
      [[fallthrough]];
    case Phase::size: {
      const int digit = hex_value(c);
      if (digit < 0) return on_extension_octet(c);
      if (++digits_ > most_digits || left_ > largest_size >> 4) return fail(400, "bad-chunk-size");
      left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
      return;
    }
    case Phase::gap:
    case Phase::extension: return on_extension_octet(c);
    case Phase::size_lf: return expect(c, '\n', left_ == 0 ? Phase::trailers_first : Phase::data);
    case Phase::data_cr: return expect(c, '\r', Phase::data_lf);
    case Phase::data_lf: return expect(c, '\n', Phase::size_first);
    case Phase::end_lf: return expect(c, '\n', Phase::done);
    case Phase::trailers_first:
      if (c == '\r') {
        phase_ = Phase::end_lf;
      } else {
        trailers_ = std::make_unique<HeadReader>(HeadReader::Kind::trailers);
        phase_ = Phase::trailers;
      }
      return;
    default: assert(false);
  }
}

// An octet between a chunk's size and its CRLF: chunk-ext = *( BWS ";" BWS … ).
void BodyReader::on_extension_octet(char c) {
  if (c == '\r' && phase_ != Phase::gap) {
    phase_ = Phase::size_lf;
    return;
  }
  if (phase_ != Phase::extension) {
    // Parsers disagree on a size that is followed by blanks and no extension.
    const bool blank = c == ' ' || c == '\t';
    if (!blank && c != ';') return fail(400, "bad-chunk-size");
    phase_ = blank ? Phase::gap : Phase::extension;
  } else if (!http::is_text_octet(c)) {
    return fail(400, "bad-chunk-extension");
  }
  if (++extension_bytes_ > limits::chunk_extension_bytes) fail(431, "long-chunk-extensions");
}

void BodyReader::expect(char c, char wanted, Phase then) {
  if (c != wanted) return fail(400, "bad-chunk-end");
  phase_ = then;
}

std::size_t BodyReader::read_trailers(Bytes in) {
  const std::size_t taken = trailers_->feed(in);
  if (trailers_->failed()) {
    fail(trailers_->fault().status, trailers_->fault().reason);
  } else if (trailers_->done()) {
    phase_ = Phase::done;
  }
  return taken;
}

void BodyReader::fail(int status, const char* reason) {
  phase_ = Phase::failed;
  fault_ = {status, reason};
}

bool BodyReader::end_of_input() {
  if (phase_ == Phase::until_close) phase_ = Phase::done;
  if (phase_ != Phase::done && phase_ != Phase::failed) fail(400, "body-cut");
  return phase_ == Phase::done;
}

const http::Fields& BodyReader::trailers() const {
  static const http::Fields none;
  return trailers_ != nullptr ? trailers_->request().fields : none;
}

std::uint64_t BodyReader::remaining() const {
  switch (phase_) {
    case Phase::done: return 0;
    case Phase::length: return left_;
    default: return unknown;
  }
}

}  // namespace tenfold::http1
