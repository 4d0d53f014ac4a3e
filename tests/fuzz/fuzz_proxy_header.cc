// read_proxy_header on any bytes: what a balancer sends, and behind it what the visitor says.
//
// Held: read as asked and by the byte the answer is the same; a whole header is whole at its last byte and at no
// earlier one; what is asked for grows and stays within the limits; a peer that is named is an IP.
#include <optional>
#include <string>

#include "broker/admission/client_address.h"
#include "broker/front/proxy_header.h"
#include "broker/rules.h"
#include "fuzz_support.h"

namespace {

using namespace tenfold;
using namespace tenfold::broker;
using fuzz::require;
using State = ProxyHeader::State;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(data, size);
  ProxyHeader asked = read_proxy_header({});
  while (asked.state == State::more && asked.size <= size) {
    const std::size_t before = asked.size;
    require(before <= rules::proxy_header_bytes, "what is asked for has its limit");
    asked = read_proxy_header(bytes.first(before));
    require(asked.state != State::more || asked.size > before, "what is asked for grows");
    require(asked.state != State::whole || asked.size == before, "a header that is whole ends where it was read to");
  }

  ProxyHeader single;
  std::size_t at = 0;
  do {
    single = read_proxy_header(bytes.first(at));
    require(single.state != State::more || single.size > at, "more is asked for");
  } while (single.state == State::more && ++at <= size);

  // What is cut may be bad already, though more was asked for.
  const bool sooner = asked.state == State::more && single.state == State::refused;
  require(single.state == asked.state || sooner, "by the byte as when asked");
  if (asked.state != State::whole) return 0;
  require(single.size == asked.size && at == asked.size, "the header has one end");
  require(single.source == asked.source, "... and one peer");
  if (asked.source) require(parse_address(asked.source->host).has_value(), "the peer is an IP");
  return 0;
}
