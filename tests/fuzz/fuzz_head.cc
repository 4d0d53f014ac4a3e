// HeadReader on any bytes. Input: one octet for the kind ('0' request, '1' response, '2' trailers),
// one that says how to chop, then what comes off the wire.
//
// Held: the outcome is the same however the bytes are cut, and after clear(); nothing behind the head is
// taken; an accepted head obeys rules that are written down here once more, in the plainest way; and
// written anew it is read as the same head.
#include <array>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "fuzz_support.h"
#include "http/authority.h"
#include "http1/body_framing.h"
#include "http1/head_reader.h"
#include "http1/head_writer.h"

namespace {

using namespace tenfold;
using namespace tenfold::http1;
using namespace tenfold::http;
using fuzz::require;
using Kind = HeadReader::Kind;

// All that an outcome is, as text.
std::string outcome(const HeadReader& reader, Kind kind, std::size_t taken) {
  std::ostringstream text;
  text << taken << ' ';
  if (reader.failed()) {
    text << reader.fault().status << ' ' << reader.fault().reason;
    return text.str();
  }
  if (!reader.done()) {
    text << (reader.started() ? "more" : "nothing");
    return text.str();
  }
  const RequestHead& request = reader.request();
  const ResponseHead& response = reader.response();
  if (kind == Kind::request) text << request.method << ' ' << request.target << ' ' << request.minor_version;
  if (kind == Kind::response) text << response.status << ' ' << response.reason << ' ' << response.minor_version;
  for (const Field& field : kind == Kind::response ? response.fields : request.fields) {
    text << '\n' << field.name << ':' << field.value;
  }
  return text.str();
}

std::size_t feed(HeadReader& reader, Bytes bytes, const std::vector<std::size_t>& sizes) {
  std::size_t taken = 0;
  std::size_t at = 0;
  for (const std::size_t size : sizes) {
    const Bytes piece = bytes.subspan(at, size);
    const std::size_t n = reader.feed(piece);
    require(n <= size, "no more is taken than was given");
    taken += n;
    at += size;
    if (reader.done() || reader.failed()) {
      require(reader.feed(piece) == 0, "an ended reader takes nothing");
      break;
    }
    require(n == size, "all is taken while the head is not whole");
  }
  return taken;
}

bool only(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

constexpr std::string_view token_octets =
    "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

void check_field(const Field& field) {
  require(!field.name.empty() && only(field.name, token_octets), "a name is a token");
  for (const char c : field.value) {
    const auto octet = static_cast<unsigned char>(c);
    require(octet == '\t' || (octet >= 0x20 && octet != 0x7f), "a value has no control octet");
  }
  if (field.value.empty()) return;
  for (const char c : {field.value.front(), field.value.back()}) require(c != ' ' && c != '\t', "a value is trimmed");
}

void check_request(const RequestHead& head) {
  require(!head.method.empty() && only(head.method, token_octets), "a method is a token");
  require(!head.target.empty(), "a target is there");
  for (const char c : head.target) {
    const auto octet = static_cast<unsigned char>(c);
    require(octet > 0x20 && octet != 0x7f && c != '#', "a target has no blank, control octet or fragment");
  }
  require(head.minor_version == 0 || head.minor_version == 1, "the version is 1.0 or 1.1");
  const std::size_t hosts = count(head.fields, "hOsT");
  require(hosts == 1 || (hosts == 0 && head.minor_version == 0), "exactly one Host");
  if (hosts == 1)
    require(
        only(find(head.fields, "Host")->value, "[]:.-_~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
        "a Host is a name or address");
  const bool absolute = head.method != "CONNECT" && head.target.front() != '/' && head.target != "*";
  require(!absolute || !target_scheme(head.target).empty(), "an absolute target is of http or https");
  require(target_authority(head.target).find('@') == std::string_view::npos, "no userinfo");
}

// The raw lines of an accepted head.
void check_lines(std::string_view raw, Kind kind, std::size_t fields) {
  while (kind == Kind::request && raw.starts_with("\r\n")) raw.remove_prefix(2);
  require(raw.ends_with("\n"), "a head ends with a line's end");
  std::size_t lines = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\r') require(i + 1 < raw.size() && raw[i + 1] == '\n', "no bare CR");
    if (raw[i] != '\n') continue;
    require(kind == Kind::response || (i > 0 && raw[i - 1] == '\r'), "no bare LF but in an answer");
    require(i + 1 == raw.size() || (raw[i + 1] != ' ' && raw[i + 1] != '\t'), "no obs-fold");
    ++lines;
  }
  require(raw.find('\0') == std::string_view::npos, "no NUL");
  require(lines == fields + (kind == Kind::trailers ? 1 : 2), "a field a line");
  const bool answer = kind == Kind::response;
  require(fields <= (answer ? limits::answer_fields : limits::head_fields), "the cap of fields holds");
  require(raw.size() <= (answer ? limits::answer_head_bytes : limits::head_bytes), "the cap of bytes holds");
}

void check_framing(const Framed& framed, const Fields& fields, bool answer) {
  if (framed.fault || framed.framing.kind == Framing::Kind::none) return;
  const std::size_t lengths = count(fields, "content-length");
  const std::size_t codings = count(fields, "transfer-encoding");
  require(lengths == 0 || codings == 0, "never a length and a coding");
  require((framed.framing.kind == Framing::Kind::length) == (lengths != 0), "a length frames by length");
  require(answer || lengths <= 1, "a request has one length");
  require((framed.framing.kind == Framing::Kind::chunked) == (codings != 0), "a coding frames by chunks");
}

// An accepted head as HeadWriter writes it: always HTTP/1.1.
std::string written(const HeadReader& reader, Kind kind) {
  std::string out;
  HeadWriter writer(out);
  if (kind == Kind::request) writer.request_line(reader.request().method, reader.request().target);
  if (kind == Kind::response) writer.status_line(reader.response().status, reader.response().reason);
  for (const Field& field : kind == Kind::response ? reader.response().fields : reader.request().fields) {
    writer.field(field.name, field.value);
  }
  writer.end();
  return out;
}

// Written, read and written again it is the same.
void check_rewritten(const HeadReader& reader, Kind kind) {
  const bool needs_host = kind == Kind::request && find(reader.request().fields, "host") == nullptr;
  const std::string first = written(reader, kind);
  // Longer by a space a field, or a Host short now that it says HTTP/1.1: not the reader's fault.
  if (needs_host || first.size() > limits::trailer_bytes) return;
  HeadReader again(kind);
  require(again.feed(to_bytes(first)) == first.size() && again.done(), "what was written is read");
  require(written(again, kind) == first, "... and is the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Kind kind = std::array{Kind::request, Kind::response, Kind::trailers}[data[0] % 3];
  const Bytes bytes{data + 2, size - 2};

  HeadReader reader(kind);
  const std::size_t taken = feed(reader, bytes, fuzz::whole(bytes.size()));
  const std::string expected = outcome(reader, kind, taken);
  for (const auto& sizes : {fuzz::single_bytes(bytes.size()), fuzz::chopped(bytes.size(), data[1])}) {
    HeadReader cut(kind);
    const std::size_t cut_taken = feed(cut, bytes, sizes);
    require(outcome(cut, kind, cut_taken) == expected, "the outcome is the same however the bytes are cut");
    cut.clear();
    const std::size_t second_taken = feed(cut, bytes, sizes);
    require(outcome(cut, kind, second_taken) == expected, "... and after clear()");
  }
  if (!reader.done()) return 0;

  const Fields& fields = kind == Kind::response ? reader.response().fields : reader.request().fields;
  for (const Field& field : fields) check_field(field);
  check_lines(to_text(bytes.first(taken)), kind, fields.size());
  if (kind == Kind::request) {
    check_request(reader.request());
    check_framing(request_framing(reader.request()), fields, false);
  } else if (kind == Kind::response) {
    require(reader.response().status >= 100 && reader.response().status <= 599, "a status has three digits");
    check_framing(response_framing(reader.response(), false), fields, true);
  }
  for (const Field& field : fields) {
    if (HopByHop(fields).has(field.name)) require(!allowed_in_trailer(fields, field.name), "no hop-by-hop trailer");
  }
  check_rewritten(reader, kind);
  return 0;
}
