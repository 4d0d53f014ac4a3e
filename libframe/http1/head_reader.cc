// A head is read in two steps. Lines are gathered in one buffer, and each is checked when it is complete: forbidden
// octets and endless heads are found early. After the empty line the head is split into its parts, each a view into the
// buffer; then follow the checks that need all fields. body_framing decides where the body ends.
#include "http1/head_reader.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "http/authority.h"
#include "http/octets.h"

namespace tenfold::http1 {

namespace {

constexpr std::uint8_t empty_lines_skipped = 2;

// The name of the octet that http::is_text() refused.
const char* bad_octet(std::string_view text) {
  switch (*std::find_if_not(text.begin(), text.end(), http::is_text_octet)) {
    case '\r': return "bare-cr";
    case '\0': return "nul";
    default: return "control-octet";
  }
}

}  // namespace

HeadReader::Caps HeadReader::caps() const {
  switch (kind_) {
    case Kind::request: return {limits::head_bytes, limits::head_fields};
    case Kind::forwarded: return {limits::forwarded_head_bytes, limits::forwarded_fields};
    case Kind::response: return {limits::answer_head_bytes, limits::answer_fields};
    case Kind::trailers: return {limits::trailer_bytes, limits::head_fields};
  }
  return {};
}

// How many more bytes the head may have before it exceeds a cap.
std::size_t HeadReader::room() const {
  const bool in_request_line = kind_ == Kind::request && !in_fields_;
  return (in_request_line ? limits::request_line_bytes + 2 : caps().bytes) - text_.size();  // a line without its CRLF
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
  http::Fields fields = std::exchange(this->fields(), {});
  if (buffers_ == nullptr) return;
  buffers_->put(std::move(text));
  buffers_->put(std::move(fields));
}

std::size_t HeadReader::feed(Bytes bytes) {
  const std::string_view in = to_text(bytes);
  if (!borrowed_) borrow();
  // A TLS handshake record rarely contains a line end, so a TLS client on a plain port is refused at once.
  if (is_request() && text_.empty() && !in.empty() && in.front() == 0x16 && state_ == State::reading) {
    fail(400, "tls-on-plain-port");
    return 1;
  }
  std::size_t taken = 0;
  while (state_ == State::reading && taken < in.size()) {
    const std::size_t newline = in.find('\n', taken);
    const bool whole = newline != std::string_view::npos;
    const std::string_view piece = in.substr(taken, whole ? newline + 1 - taken : std::string_view::npos);
    // Caps are checked before the line is parsed, so the result is the same when bytes come one by one.
    if (piece.size() > room()) {
      const std::size_t fits = room();
      text_.append(piece.substr(0, fits));
      taken += fits + 1;  // includes the one byte that exceeds the cap
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

// The current line ends at the end of `text_`, with a LF.
void HeadReader::on_line() {
  std::string_view line = std::string_view(text_).substr(line_);
  line.remove_suffix(1);
  // RFC 9112 2.2 lets a recipient accept a lone LF as a line end. Parsers that disagree on it enable request smuggling.
  // So it is accepted only in answers, whose heads are written again.
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  } else if (kind_ != Kind::response) {
    return fail(400, "bare-lf");
  }
  if (in_fields_ && (line.starts_with(' ') || line.starts_with('\t'))) return fail(400, "obs-fold");
  if (!http::is_text(line)) return fail(400, bad_octet(line));

  if (!in_fields_) {
    on_start_line(line);
  } else if (line.empty()) {
    split();
  } else {
    on_field_line(line);
  }
  line_ = static_cast<std::uint32_t>(text_.size());
}

void HeadReader::on_start_line(std::string_view line) {
  // RFC 9112 2.2: "a server that is expecting to receive and parse a request-line SHOULD
  // ignore at least one empty line (CRLF) received prior to the request-line".
  if (line.empty() && is_request() && empty_lines_ < empty_lines_skipped) {
    ++empty_lines_;
    text_.clear();
    return;
  }
  in_fields_ = true;
  if (is_request()) {
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
  if (!http::is_token(line.substr(0, first))) return fail(400, "bad-method");
  if (target.empty() || target.find(' ') != std::string_view::npos) return fail(400, "bad-request-line");
  if (!http::is_target(target)) return fail(400, "bad-target");
  // RFC 9112 3.2: no form of a target has a fragment. Parsers that cut it off see a different path.
  if (target.find('#') != std::string_view::npos) return fail(400, "fragment");
  on_version(line.substr(last + 1));
}

// HTTP-version SP status-code [ SP reason-phrase ]; servers often omit the second space together with the phrase.
void HeadReader::on_status_line(std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return fail(502, "bad-status-line");
  on_version(line.substr(0, space));
  const std::string_view rest = line.substr(space + 1);
  if (rest.size() < 3 || !http::is_digit(rest[1]) || !http::is_digit(rest[2])) return fail(502, "bad-status");
  if (rest[0] < '1' || rest[0] > '5') return fail(502, "bad-status");
  if (rest.size() > 3 && rest[3] != ' ') return fail(502, "bad-status");
}

void HeadReader::on_version(std::string_view text) {
  if (text.size() != 8 || !text.starts_with("HTTP/") || !http::is_digit(text[5]) || text[6] != '.' ||
      !http::is_digit(text[7])) {
    return fail(400, "bad-version");
  }
  // RFC 9110 2.5: a higher minor version is served as the highest known one.
  if (text[5] != '1') return fail(505, "unsupported-version");
  minor_version_ = text[7] == '0' ? 0 : 1;
}

void HeadReader::on_field_line(std::string_view line) {
  if (++lines_ > caps().fields) return fail(431, "many-fields");
  const auto after = std::find_if_not(line.begin(), line.end(), http::is_tchar);
  if (after == line.begin() && after != line.end() && *after == ':') return fail(400, "empty-name");
  if (after != line.end() && *after == ':') return;
  // RFC 9112 5.1: "No whitespace is allowed between the field name and colon."
  const std::string_view rest(after, line.end());
  if (http::trim_blanks(rest).starts_with(':')) return fail(400, "space-before-colon");
  fail(400, rest.find(':') == std::string_view::npos ? "no-colon" : "bad-name");
}

// The head is complete and every line of it is valid.
void HeadReader::split() {
  std::string_view rest = text_;
  const auto next_line = [&rest] {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  };
  if (is_request()) {
    const std::string_view line = next_line();
    request_.method = line.substr(0, line.find(' '));
    const std::size_t target = request_.method.size() + 1;
    request_.target = line.substr(target, line.rfind(' ') - target);
    request_.minor_version = minor_version_;
  } else if (kind_ == Kind::response) {
    constexpr std::size_t status = 9;  // after "HTTP/1.1 "
    const std::string_view line = next_line();
    response_.status = (line[status] - '0') * 100 + (line[status + 1] - '0') * 10 + (line[status + 2] - '0');
    response_.reason = line.size() > status + 3 ? line.substr(status + 4) : std::string_view{};
    response_.minor_version = minor_version_;
  }
  http::Fields& fields = this->fields();
  fields.reserve(lines_);
  for (std::size_t i = 0; i < lines_; ++i) {
    const std::string_view line = next_line();
    const std::size_t colon = line.find(':');
    fields.push_back({line.substr(0, colon), http::trim_blanks(line.substr(colon + 1))});
  }
  state_ = State::done;
  check_options(fields);
  if (is_request()) check_request();
  if (kind_ == Kind::trailers) check_trailers();
}

// RFC 9112 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request
// message that lacks a Host header field and to any request message that contains more than one Host
// header field line or a Host header field with an invalid field value."
void HeadReader::check_request() {
  const std::string_view target = request_.target;
  const bool connects = request_.method == "CONNECT";
  const std::string_view authority = connects ? target : http::target_authority(target);
  const bool has_authority = connects || (target.front() != '/' && target != "*");
  if (target == "*" && request_.method != "OPTIONS") return fail(400, "bad-target");
  // RFC 9110 4.2.4: "a recipient SHOULD parse for userinfo and treat its presence as an error".
  if (authority.find('@') != std::string_view::npos) return fail(400, "userinfo");
  if (has_authority && !http::is_authority(authority)) return fail(400, "bad-target");
  // A tunnel serves http and https alone.
  if (has_authority && !connects && http::target_scheme(target).empty()) return fail(400, "bad-target");

  const http::Field* const host = http::find(request_.fields, "host");
  if (host == nullptr) {
    // For HTTP/1.0 the router decides.
    if (request_.minor_version >= 1) fail(400, "missing-host");
    return;
  }
  if (http::count(request_.fields, "host") > 1) return fail(400, "second-host");
  // An empty Host is for targets that contain no authority.
  if (host->value.empty() ? !has_authority : !http::is_authority(host->value)) fail(400, "bad-host");
}

// Trailers of this kind are dropped, but a Content-Length must still be valid: other parsers may use it.
void HeadReader::check_trailers() {
  for (const http::Field& field : request_.fields) {
    if (!http::equal_nocase(field.name, "content-length")) continue;
    if (field.value.empty() || !std::all_of(field.value.begin(), field.value.end(), http::is_digit)) {
      return fail(400, "bad-content-length");
    }
  }
}

// HopByHop may scan these options for every field, so a head may list no more of them, empty ones included, than it may
// have fields. The options of a request must not remove fields that route or frame it.
void HeadReader::check_options(const http::Fields& fields) {
  std::ptrdiff_t elements = 0;
  for (const http::Field& field : fields) {
    if (!http::equal_nocase(field.name, "connection")) continue;
    elements += 1 + std::count(field.value.begin(), field.value.end(), ',');
  }
  if (elements == 0) return;
  if (elements > static_cast<std::ptrdiff_t>(caps().fields)) return fail(431, "many-connection-options");
  if (!is_request()) return;
  http::any_token(fields, "connection", [this](std::string_view option) {
    if (http::equal_nocase(option, "host")) fail(400, "connection-names-host");
    if (http::equal_nocase(option, "content-length")) fail(400, "connection-names-length");
    if (http::equal_nocase(option, "transfer-encoding")) fail(400, "connection-names-coding");
    return failed();
  });
}

// The first fault counts.
void HeadReader::fail(int status, const char* reason) {
  if (state_ == State::failed) return;
  readable_ = state_ == State::done;
  state_ = State::failed;
  fault_ = {kind_ == Kind::response ? 502 : status, reason};
}

void HeadReader::clear() {
  give_back();
  request_.method = request_.target = response_.reason = {};
  fault_ = {};
  state_ = State::reading;
  readable_ = false;
  in_fields_ = kind_ == Kind::trailers;
  empty_lines_ = 0;
  lines_ = 0;
  line_ = 0;
}

}  // namespace tenfold::http1
