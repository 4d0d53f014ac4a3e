// BodyReader on any bytes. Input: one octet for the framing ('0' none, '1' length, '2' chunked, '3'
// until close), one that is the length and says how to chop, then what comes off the wire.
//
// Held: the outcome is the same however the bytes are cut; no byte is lost, made up or taken twice; a
// chunked body is read as a second decoder reads it, which is written down here in the plainest way and
// takes only whole inputs; and any bytes sent as chunks come out again.
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "fuzz_support.h"
#include "http1/body_framing.h"
#include "http1/head_writer.h"

namespace {

using namespace tenfold;
using namespace tenfold::http1;
using namespace tenfold::http;
using fuzz::require;
using Kind = Framing::Kind;

struct Outcome {
  enum class End { more, done, failed } end = End::more;
  std::string payload;
  std::size_t taken = 0;
  std::string fault;
  std::string trailers;

  bool operator==(const Outcome&) const = default;
};

Outcome decode(Framing framing, Bytes bytes, const std::vector<std::size_t>& sizes) {
  BodyReader body(framing);
  Outcome out;
  std::size_t at = 0;
  for (const std::size_t size : sizes) {
    Bytes in = bytes.subspan(at, size);
    at += size;
    while (!in.empty() && !body.done() && !body.failed()) {
      const BodyReader::Step step = body.next(in);
      require(step.taken <= in.size(), "no more is taken than was given");
      require(step.taken > 0, "a step takes a byte");
      require(step.payload.empty() || (step.payload.data() >= in.data() &&
                                       step.payload.data() + step.payload.size() <= in.data() + step.taken),
              "the payload lies within the bytes taken");
      out.payload += to_text(step.payload);
      out.taken += step.taken;
      in = in.subspan(step.taken);
    }
  }
  if (body.failed()) {
    out.end = Outcome::End::failed;
    out.fault = std::to_string(body.fault().status) + " " + body.fault().reason;
  }
  if (body.done()) {
    out.end = Outcome::End::done;
    for (const Field& field : body.trailers()) {
      out.trailers.append(field.name).append(":").append(field.value).append("\n");
    }
  }
  require(body.end_of_input() == (out.end == Outcome::End::done || framing.kind == Kind::until_close),
          "only a whole body may end");
  return out;
}

// The second decoder: one cursor over an input that is all there. Nothing, when it ends too early or is
// at fault; the trailers' own rules are fuzz_head's business.
struct Whole {
  std::string payload;
  std::size_t trailers_at = 0;  // where the trailer section begins
};
std::optional<Whole> decode_plainly(std::string_view in) {
  Whole whole;
  std::size_t extensions = 0;
  for (std::size_t at = 0;;) {
    const std::size_t line_end = in.find("\r\n", at);
    if (line_end == std::string_view::npos) return std::nullopt;
    const std::string_view line = in.substr(at, line_end - at);
    const std::size_t digits = std::min(line.find_first_not_of("0123456789abcdefABCDEF"), line.size());
    const std::string_view extension = line.substr(digits);
    extensions += extension.size();
    if (digits == 0 || digits > 16 || extensions > limits::chunk_extension_bytes) return std::nullopt;
    const std::size_t first = extension.find_first_not_of(" \t");
    if (!extension.empty() && (first == std::string_view::npos || extension[first] != ';')) return std::nullopt;
    for (const char c : extension) {
      const auto octet = static_cast<unsigned char>(c);
      if ((octet < 0x20 && octet != '\t') || octet == 0x7f) return std::nullopt;
    }
    const std::uint64_t size = std::stoull(std::string(line.substr(0, digits)), nullptr, 16);
    at = line_end + 2;
    if (size == 0) return whole.trailers_at = at, whole;
    if (size > in.size() - at || in.substr(at + size, 2) != "\r\n") return std::nullopt;
    whole.payload += in.substr(at, size);
    at += size + 2;
  }
}

void check_chunked(const Outcome& out, Bytes bytes) {
  const std::optional<Whole> whole = decode_plainly(to_text(bytes));
  if (out.end == Outcome::End::done) {
    require(whole.has_value(), "what is accepted is right");
    require(out.payload == whole->payload, "the payload is what the chunks carry");
  }
  if (!whole) return;
  const std::string_view behind = to_text(bytes.subspan(whole->trailers_at));
  require(out.payload == whole->payload, "what is right is read to the last chunk");
  if (behind.starts_with("\r\n")) {
    require(out.end == Outcome::End::done && out.taken == whole->trailers_at + 2, "... and ends there");
  }
  HeadReader trailers(HeadReader::Kind::trailers);
  const std::size_t taken = trailers.feed(to_bytes(behind));
  if (trailers.done()) {
    require(out.end == Outcome::End::done && out.taken == whole->trailers_at + taken, "right trailers are taken");
  }
}

// `payload` as chunks of these sizes.
std::string encode(std::string_view payload, const std::vector<std::size_t>& sizes) {
  std::string out;
  for (const std::size_t size : sizes) {
    if (size == 0) continue;
    out += to_text(ChunkHead(size).bytes());
    out += payload.substr(0, size);
    out += chunk_end;
    payload.remove_prefix(size);
  }
  return out.append(last_chunk).append(chunk_end);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Framing framing{std::array{Kind::none, Kind::length, Kind::chunked, Kind::until_close}[data[0] % 4], data[1]};
  const Bytes bytes{data + 2, size - 2};

  const Outcome out = decode(framing, bytes, fuzz::whole(bytes.size()));
  require(out == decode(framing, bytes, fuzz::single_bytes(bytes.size())), "the outcome is the same byte by byte");
  require(out == decode(framing, bytes, fuzz::chopped(bytes.size(), data[1])), "... and chopped");

  const std::string_view text = to_text(bytes);
  switch (framing.kind) {
    case Kind::none: require(out.taken == 0 && out.end == Outcome::End::done, "no body takes no byte"); break;
    case Kind::length:
      require(out.payload == text.substr(0, data[1]) && out.taken == out.payload.size(),
              "a length's bytes, all of them");
      break;
    case Kind::chunked: check_chunked(out, bytes); break;
    case Kind::until_close: require(out.payload == text && out.taken == text.size(), "every byte"); break;
  }

  const std::string sent = encode(text, fuzz::chopped(bytes.size(), data[1]));
  const Outcome back = decode({Kind::chunked, 0}, to_bytes(sent), fuzz::chopped(sent.size(), data[1] ^ 0x55u));
  require(back.end == Outcome::End::done && back.payload == text, "what was sent as chunks comes out");
  return 0;
}
