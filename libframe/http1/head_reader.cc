// A head is read in two goes. As its lines come they are gathered in one buffer, and each is
// checked when it is whole: this is where a smuggled octet or a row without end is found, early.
// When the empty line has come, llhttp splits the whole head at once, so that every part is one
// view into the buffer; then come the checks that need all fields.
//
// llhttp is only the tokeniser. It never sees a body (it is paused at the end of the head), never
// decides where one ends (body_framing does), and never hears the method: it knows 46 of them and
// refuses the rest, while RFC 9110 9.1 has an open set and a tunnel passes any. It is told GET in
// the place of them all, but for CONNECT, whose target has a form of its own.
#include "http1/head_reader.h"

#include <llhttp.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/limits.h"
#include "http1/octets.h"

namespace tenfold::http1 {

namespace {

constexpr std::uint8_t empty_lines_skipped = 2;

// ---- llhttp's side

struct Tokens {
  std::string_view target;
  std::string_view reason;
  Fields& fields;
  bool complete = false;
};

Tokens& tokens(llhttp_t* parser) { return *static_cast<Tokens*>(parser->data); }

// llhttp may hand over one span in several pieces, which touch: the head is one run of octets.
void extend(std::string_view& view, const char* at, std::size_t size) {
  if (view.empty()) {
    view = {at, size};
  } else {
    assert(view.data() + view.size() == at);
    view = {view.data(), view.size() + size};
  }
}

int on_url(llhttp_t* parser, const char* at, std::size_t size) {
  extend(tokens(parser).target, at, size);
  return 0;
}

int on_status(llhttp_t* parser, const char* at, std::size_t size) {
  extend(tokens(parser).reason, at, size);
  return 0;
}

int on_header_field(llhttp_t* parser, const char* at, std::size_t size) {
  Fields& fields = tokens(parser).fields;
  // A value's span comes even when it is empty, and marks the field as whole.
  if (fields.empty() || fields.back().value.data() != nullptr) fields.emplace_back();
  extend(fields.back().name, at, size);
  return 0;
}

int on_header_value(llhttp_t* parser, const char* at, std::size_t size) {
  extend(tokens(parser).fields.back().value, at, size);
  return 0;
}

int on_headers_complete(llhttp_t* parser) {
  tokens(parser).complete = true;
  return HPE_PAUSED;
}

const llhttp_settings_t& settings() {
  static const llhttp_settings_t made = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_url = on_url;
    s.on_status = on_status;
    s.on_header_field = on_header_field;
    s.on_header_value = on_header_value;
    s.on_headers_complete = on_headers_complete;
    return s;
  }();
  return made;
}

const char* reason_for(llhttp_errno_t error) {
  switch (error) {
    case HPE_INVALID_URL: return "bad-target";
    case HPE_INVALID_CONTENT_LENGTH: return "bad-content-length";
    case HPE_UNEXPECTED_CONTENT_LENGTH: return "content-length-conflict";
    case HPE_INVALID_TRANSFER_ENCODING: return "bad-transfer-encoding";
    default: return "bad-head";
  }
}

// What is_text() refused, by its name.
const char* bad_octet(std::string_view text) {
  switch (*std::find_if_not(text.begin(), text.end(), is_text_octet)) {
    case '\r': return "bare-cr";
    case '\0': return "nul";
    default: return "control-octet";
  }
}

}  // namespace

// How many more bytes the head may have before a cap is passed.
std::size_t HeadReader::room() const {
  std::size_t most = kind_ == Kind::trailers ? limits::trailer_bytes : limits::head_bytes;
  if (kind_ == Kind::request && !in_fields_) most = limits::request_line_bytes + 2;  // its CRLF is not counted
  return most - text_.size();
}

void HeadReader::borrow() {
  borrowed_ = true;
  if (buffers_ == nullptr) return;
  text_ = buffers_->take_text();
  fields() = buffers_->take_fields();
}

void HeadReader::give_back() {
  borrowed_ = false;
  std::string text = std::exchange(text_, {});
  Fields fields = std::exchange(this->fields(), {});
  if (buffers_ == nullptr) return;
  buffers_->put(std::move(text));
  buffers_->put(std::move(fields));
}

std::size_t HeadReader::feed(Bytes bytes) {
  const std::string_view in = to_text(bytes);
  if (!borrowed_) borrow();
  // A TLS handshake record has no line's end in it for long: who speaks TLS to a plain port is told at once.
  if (kind_ == Kind::request && text_.empty() && !in.empty() && in.front() == 0x16 && state_ == State::reading) {
    fail(400, "tls-on-plain-port");
    return 1;
  }
  std::size_t taken = 0;
  while (state_ == State::reading && taken < in.size()) {
    const std::size_t newline = in.find('\n', taken);
    const bool whole = newline != std::string_view::npos;
    const std::string_view piece = in.substr(taken, whole ? newline + 1 - taken : std::string_view::npos);
    // The caps come before any look at the line, for so they do when it comes byte by byte.
    if (piece.size() > room()) {
      taken += room() + 1;  // with the one byte too many
      if (kind_ == Kind::request && !in_fields_) {
        fail(414, "long-request-line");
      } else {
        fail(431, kind_ == Kind::trailers ? "long-trailers" : "long-head");
      }
      break;
    }
    text_.append(piece);
    taken += piece.size();
    if (whole) on_line();
  }
  return taken;
}

// The present line ends at the end of `text_`, with a LF.
void HeadReader::on_line() {
  std::string_view line = std::string_view(text_).substr(line_);
  line.remove_suffix(1);
  // RFC 9112 2.2 lets a recipient take a lone LF for a line's end. Where two parsers in a row
  // differ on that, requests are smuggled; so not here.
  if (!line.ends_with('\r')) return fail(400, "bare-lf");
  line.remove_suffix(1);
  if (in_fields_ && (line.starts_with(' ') || line.starts_with('\t'))) return fail(400, "obs-fold");
  if (!is_text(line)) return fail(400, bad_octet(line));

  if (!in_fields_) {
    on_start_line(line);
  } else if (line.empty()) {
    tokenise();
  } else {
    on_field_line(line);
  }
  line_ = static_cast<std::uint32_t>(text_.size());
}

void HeadReader::on_start_line(std::string_view line) {
  // RFC 9112 2.2: "a server that is expecting to receive and parse a request-line SHOULD
  // ignore at least one empty line (CRLF) received prior to the request-line".
  if (line.empty() && kind_ == Kind::request && empty_lines_ < empty_lines_skipped) {
    ++empty_lines_;
    text_.clear();
    return;
  }
  in_fields_ = true;
  if (kind_ == Kind::request) {
    on_request_line(line);
  } else {
    on_status_line(line);
  }
}

// method SP request-target SP HTTP-version, and these two spaces are the only ones.
void HeadReader::on_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return fail(400, "bad-request-line");
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (!is_token(line.substr(0, first))) return fail(400, "bad-method");
  if (target.empty() || target.find(' ') != std::string_view::npos) return fail(400, "bad-request-line");
  if (!is_visible(target)) return fail(400, "bad-target");
  on_version(line.substr(last + 1));
}

// HTTP-version SP status-code [ SP reason-phrase ]; the second space is often left out with the phrase.
void HeadReader::on_status_line(std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return fail(502, "bad-status-line");
  on_version(line.substr(0, space));
  const std::string_view rest = line.substr(space + 1);
  if (rest.size() < 3 || !is_digit(rest[1]) || !is_digit(rest[2])) return fail(502, "bad-status");
  if (rest[0] < '1' || rest[0] > '5') return fail(502, "bad-status");
  if (rest.size() > 3 && rest[3] != ' ') return fail(502, "bad-status");
}

void HeadReader::on_version(std::string_view text) {
  if (text.size() != 8 || !text.starts_with("HTTP/") || !is_digit(text[5]) || text[6] != '.' || !is_digit(text[7])) {
    return fail(400, "bad-version");
  }
  if (text[5] != '1' || text[7] > '1') fail(505, "unsupported-version");
}

void HeadReader::on_field_line(std::string_view line) {
  if (++lines_ > limits::head_fields) return fail(431, "many-fields");
  const auto after = std::find_if_not(line.begin(), line.end(), is_tchar);
  if (after == line.begin() && after != line.end() && *after == ':') return fail(400, "empty-name");
  if (after != line.end() && *after == ':') return;
  // RFC 9112 5.1: "No whitespace is allowed between the field name and colon."
  const std::string_view rest(after, line.end());
  if (trim_blanks(rest).starts_with(':')) return fail(400, "space-before-colon");
  fail(400, rest.find(':') == std::string_view::npos ? "no-colon" : "bad-name");
}

// The head is whole, and every line of it in order.
void HeadReader::tokenise() {
  Fields& fields = this->fields();
  fields.reserve(lines_);
  Tokens found{.target = {}, .reason = {}, .fields = fields};
  llhttp_t parser;
  llhttp_init(&parser, kind_ == Kind::response ? HTTP_RESPONSE : HTTP_REQUEST, &settings());
  parser.data = &found;

  std::string_view rest = text_;
  std::string_view stand_in = "";  // read by llhttp in the place of what is left out of `rest`
  if (kind_ == Kind::request) {
    request_.method = rest.substr(0, rest.find(' '));
    rest.remove_prefix(request_.method.size() + 1);
    stand_in = request_.method == "CONNECT" ? "CONNECT " : "GET ";
  } else if (kind_ == Kind::trailers) {
    stand_in = "GET / HTTP/1.1\r\n";
  }
  llhttp_errno_t error = llhttp_execute(&parser, stand_in.data(), stand_in.size());
  if (error == HPE_OK) error = llhttp_execute(&parser, rest.data(), rest.size());
  if (error != HPE_PAUSED) return fail(400, reason_for(error));
  // Whoever sees other fields than the lines that were checked has been fooled.
  if (!found.complete || fields.size() != lines_) return fail(400, "bad-head");

  for (Field& field : fields) field.value = trim_blanks(field.value);
  state_ = State::done;
  check_options(fields);
  if (kind_ == Kind::request) {
    request_.target = found.target;
    request_.minor_version = parser.http_minor;
    check_request();
  } else if (kind_ == Kind::response) {
    response_.status = parser.status_code;
    response_.reason = found.reason;
    response_.minor_version = parser.http_minor;
  }
}

// RFC 9112 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request
// message that lacks a Host header field and to any request message that contains more than one Host
// header field line or a Host header field with an invalid field value."
void HeadReader::check_request() {
  const std::string_view target = request_.target;
  const bool connects = request_.method == "CONNECT";
  const std::string_view authority = connects ? target : target_authority(target);
  const bool has_authority = connects || (target.front() != '/' && target != "*");
  if (target == "*" && request_.method != "OPTIONS") return fail(400, "bad-target");
  // RFC 9110 4.2.4: "a recipient SHOULD parse for userinfo and treat its presence as an error".
  if (authority.find('@') != std::string_view::npos) return fail(400, "userinfo");
  if (has_authority && !is_authority(authority)) return fail(400, "bad-target");

  const Field* const host = find(request_.fields, "host");
  if (host == nullptr) {
    // Left to the router on HTTP/1.0.
    if (request_.minor_version >= 1) fail(400, "missing-host");
    return;
  }
  if (count(request_.fields, "host") > 1) return fail(400, "second-host");
  // An empty one is for targets that say themselves where they go.
  if (host->value.empty() ? !has_authority : !is_authority(host->value)) fail(400, "bad-host");
}

// HopByHop may walk through these for every field: a head may list no more of them, empty ones included, than it can
// have fields.
void HeadReader::check_options(const Fields& fields) {
  std::ptrdiff_t elements = 0;
  for (const Field& field : fields) {
    if (!equal_nocase(field.name, "connection")) continue;
    elements += 1 + std::count(field.value.begin(), field.value.end(), ',');
  }
  if (elements > static_cast<std::ptrdiff_t>(limits::head_fields)) fail(431, "many-connection-options");
}

// The first fault counts.
void HeadReader::fail(int status, const char* reason) {
  if (state_ == State::failed) return;
  state_ = State::failed;
  fault_ = {kind_ == Kind::response ? 502 : status, reason};
}

void HeadReader::clear() {
  give_back();
  request_.method = request_.target = response_.reason = {};
  fault_ = {};
  state_ = State::reading;
  in_fields_ = kind_ == Kind::trailers;
  empty_lines_ = 0;
  lines_ = 0;
  line_ = 0;
}

}  // namespace tenfold::http1
