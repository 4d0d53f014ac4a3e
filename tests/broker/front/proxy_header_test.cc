// The PROXY protocol's header: what is taken, what is refused and why, however its bytes are cut.
#include "broker/front/proxy_header.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "broker/rules.h"

using namespace tenfold;
using namespace tenfold::broker;
using State = ProxyHeader::State;

namespace {

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out += static_cast<char>(value);
  return out;
}

// A version 2 header: the two octets behind the signature, and what follows the length.
std::string v2(int command, int family, const std::string& payload) {
  return signature + bytes({command, family, static_cast<int>(payload.size() >> 8), static_cast<int>(payload.size())}) +
         payload;
}

const std::string inet = bytes({203, 0, 113, 9, 192, 0, 2, 1, 0x9c, 0x41, 1, 0xbb});
const std::string inet6 = bytes({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}) +
                          bytes({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}) +
                          bytes({0x9c, 0x41, 1, 0xbb});

ProxyHeader read(std::string_view text) { return read_proxy_header(to_bytes(text)); }

// Reads as a socket does that is never asked for more than the answer's size.
ProxyHeader read_as_asked(std::string_view text) {
  ProxyHeader header = read("");
  while (header.state == State::more && header.size <= text.size()) header = read(text.substr(0, header.size));
  return header;
}

// The header is whole at its last byte and not before, and never asks for one beyond.
std::string source_of(const std::string& text) {
  for (std::size_t n = 0; n < text.size(); ++n) {
    const ProxyHeader part = read(std::string_view(text).substr(0, n));
    CAPTURE(n);
    REQUIRE(part.state == State::more);
    REQUIRE(part.size > n);
    REQUIRE(part.size <= text.size());
  }
  const ProxyHeader header = read(text);
  const ProxyHeader asked = read_as_asked(text + "GET / HTTP/1.1\r\n\r\n");
  REQUIRE(header.state == State::whole);
  CHECK(header.size == text.size());
  CHECK(asked.state == State::whole);
  CHECK(asked.size == header.size);
  CHECK(asked.source == header.source);
  return header.source ? to_string(*header.source) : "its own";
}

// Refused as soon as enough is there, by the byte and as asked.
std::string why_not(const std::string& text) {
  const ProxyHeader asked = read_as_asked(text);
  CHECK(asked.state == State::refused);
  ProxyHeader header;
  for (std::size_t n = 0; n <= text.size(); ++n) {
    header = read(std::string_view(text).substr(0, n));
    CHECK(header.state != State::whole);
    if (header.state == State::refused) break;
  }
  CHECK(header.state == State::refused);
  return std::string(asked.reason);
}

}  // namespace

TEST_CASE("version 1 names the peer") {
  CHECK(source_of("PROXY TCP4 203.0.113.9 192.0.2.1 40001 443\r\n") == "203.0.113.9:40001");
  CHECK(source_of("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n") == "0.0.0.0:0");
  CHECK(source_of("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n") == "255.255.255.255:65535");
  CHECK(source_of("PROXY TCP6 2001:db8::7 2001:db8::1 40001 443\r\n") == "[2001:db8::7]:40001");
  CHECK(source_of("PROXY TCP6 :: :: 0 0\r\n") == "[::]:0");
  CHECK(source_of("PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2\r\n") == "203.0.113.9:1");
}

TEST_CASE("version 1 takes an unknown peer, whatever follows the word") {
  CHECK(source_of("PROXY UNKNOWN\r\n") == "its own");
  CHECK(source_of("PROXY UNKNOWN ffff:f::f ffff:f::f 65535 65535\r\n") == "its own");
  CHECK(source_of("PROXY UNKNOWN \r x\r\n") == "its own");
}

TEST_CASE("version 1 has 107 bytes at most") {
  const std::string longest =
      "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
  REQUIRE(longest.size() == rules::proxy_header_line);
  CHECK(source_of(longest) == "its own");
  CHECK(why_not("PROXY UNKNOWN " + std::string(93, 'x') + "\r\n") == "long");
  CHECK(why_not("PROXY TCP4 " + std::string(200, '1')) == "long");
}

TEST_CASE("a version 1 line that is none is refused") {
  CHECK(why_not("PROXY UDP4 203.0.113.9 192.0.2.1 40001 443\r\n") == "protocol");
  CHECK(why_not("PROXY UNKNOWNS a\r\n") == "protocol");
  CHECK(why_not("PROXY tcp4 203.0.113.9 192.0.2.1 40001 443\r\n") == "protocol");
  CHECK(why_not("PROXY TCP4\r\nGET / HTTP/1.1\r\n") == "protocol");
  CHECK(why_not("PROXY TCP4 1.1.1.1 1.1.1.1 1\r\nGET / HTTP/1.1\r\n") == "line");
  CHECK(why_not("PROXY TCP4 203.0.113.9 192.0.2.1 40001 443\nGET / HTTP/1.1\r\n") == "line");
  CHECK(why_not("PROXY TCP4 203.0.113.9 192.0.2.1 40001\r\n") == "words");
  CHECK(why_not("PROXY TCP4 203.0.113.9 192.0.2.1 40001 443 5\r\n") == "words");
  CHECK(why_not("PROXY TCP4  203.0.113.9 192.0.2.1 40001 443\r\n") == "words");
  CHECK(why_not("PROXY TCP4 203.0.113.9 192.0.2.1 40001 443 \r\n") == "words");
  CHECK(why_not("PROXY TCP4 2001:db8::7 2001:db8::1 40001 443\r\n") == "address");
  CHECK(why_not("PROXY TCP6 203.0.113.9 192.0.2.1 40001 443\r\n") == "address");
  CHECK(why_not("PROXY TCP4 203.0.113.09 192.0.2.1 40001 443\r\n") == "address");
  CHECK(why_not("PROXY TCP4 203.0.113.9 192.0.2.256 40001 443\r\n") == "address");
  CHECK(why_not("PROXY TCP6 fe80::1%eth0 fe80::2 40001 443\r\n") == "address");
  CHECK(why_not("PROXY TCP4 203.0.113.9 192.0.2.1 65536 443\r\n") == "port");
  CHECK(why_not("PROXY TCP4 203.0.113.9 192.0.2.1 0443 443\r\n") == "port");
  CHECK(why_not("PROXY TCP4 203.0.113.9 192.0.2.1 -443 443\r\n") == "port");
  CHECK(why_not("PROXY TCP4 203.0.113.9 192.0.2.1 443 x443\r\n") == "port");
}

TEST_CASE("version 2 names the peer") {
  CHECK(source_of(v2(0x21, 0x11, inet)) == "203.0.113.9:40001");
  CHECK(source_of(v2(0x21, 0x21, inet6)) == "[2001:db8::7]:40001");
}

TEST_CASE("version 2: what follows the addresses is skipped, up to 4 KiB in all") {
  const std::string tlv = bytes({0x02, 0, 11}) + "example.com" + bytes({0x04, 0, 1, 0});
  CHECK(source_of(v2(0x21, 0x11, inet + tlv)) == "203.0.113.9:40001");
  CHECK(source_of(v2(0x21, 0x11, inet + std::string(rules::proxy_header_bytes - 28, 'x'))) == "203.0.113.9:40001");
  CHECK(why_not(v2(0x21, 0x11, inet + std::string(rules::proxy_header_bytes - 27, 'x'))) == "long");
  CHECK(why_not(v2(0x20, 0x00, std::string(65535, 'x'))) == "long");
}

TEST_CASE("version 2 takes what names no peer: LOCAL, unix sockets, datagrams, nothing") {
  CHECK(source_of(v2(0x20, 0x00, "")) == "its own");
  CHECK(source_of(v2(0x20, 0x11, inet)) == "its own");
  CHECK(source_of(v2(0x20, 0xff, "xyz")) == "its own");
  CHECK(source_of(v2(0x21, 0x00, "")) == "its own");
  CHECK(source_of(v2(0x21, 0x00, bytes({0x04, 0, 1, 0}))) == "its own");
  CHECK(source_of(v2(0x21, 0x31, std::string(216, 'u'))) == "its own");
  CHECK(source_of(v2(0x21, 0x32, std::string(220, 'u'))) == "its own");
  CHECK(source_of(v2(0x21, 0x12, inet)) == "its own");
  CHECK(source_of(v2(0x21, 0x22, inet6)) == "its own");
}

TEST_CASE("a version 2 header that is none is refused") {
  CHECK(why_not(v2(0x11, 0x11, inet)) == "version");
  CHECK(why_not(v2(0x31, 0x11, inet)) == "version");
  CHECK(why_not(v2(0x22, 0x11, inet)) == "command");
  CHECK(why_not(v2(0x21, 0x41, inet)) == "family");
  CHECK(why_not(v2(0x21, 0x13, inet)) == "family");
  CHECK(why_not(v2(0x21, 0x10, inet)) == "family");
  CHECK(why_not(v2(0x21, 0x01, inet)) == "family");
  CHECK(why_not(v2(0x21, 0x11, inet.substr(1))) == "short");
  CHECK(why_not(v2(0x21, 0x21, inet)) == "short");
  CHECK(why_not(v2(0x21, 0x31, std::string(215, 'u'))) == "short");
}

TEST_CASE("other bytes are no header") {
  CHECK(why_not("GET / HTTP/1.1\r\n") == "missing");
  CHECK(why_not("PRI * HTTP/2.0\r\n") == "missing");
  CHECK(why_not(bytes({0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0})) == "missing");
  CHECK(why_not("\r\n\r\nGET / HTTP") == "missing");
  CHECK(why_not("proxy TCP4 203.0.113.9 192.0.2.1 40001 443\r\n") == "missing");
}

TEST_CASE("a header that is cut asks for more and names no peer") {
  for (const std::string& text :
       {v2(0x21, 0x11, inet), std::string("PROXY TCP4 203.0.113.9 192.0.2.1 40001 443\r\n")}) {
    const ProxyHeader header = read_as_asked(text.substr(0, text.size() - 1));
    CHECK(header.state == State::more);
    CHECK_FALSE(header.source);
  }
}

TEST_CASE("the header's address is the peer, unless another machine says loopback") {
  const Address visitor{"203.0.113.9", 40001};
  const Address balancer{"192.0.2.7", 9};
  const Address local{"127.0.0.1", 9};
  CHECK(announced_peer(visitor, balancer) == visitor);
  CHECK(announced_peer(visitor, local) == visitor);
  CHECK(announced_peer(visitor, Address::of_unix("")) == visitor);
  CHECK(announced_peer({}, balancer) == balancer);
  for (const char* loopback : {"127.0.0.1", "127.8.9.10", "::1"}) {
    const Address source{loopback, 40001};
    CHECK(announced_peer(source, balancer) == balancer);
    CHECK(announced_peer(source, local) == source);
    CHECK(announced_peer(source, Address::of_unix("")) == source);
  }
}
