// Addresses as flags and logs have them.
#include "io/address.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <string>

namespace tenfold {
namespace {

std::string parsed(std::string_view text, bool allow_no_host = false) {
  const Result<HostPort> address = parse_host_port(text, allow_no_host);
  if (address) return address->host + " " + std::to_string(address->port);
  CHECK(address.error().kind == ErrorKind::usage);
  return address.error().detail;
}

}  // namespace

TEST_CASE("an address is a name or an IP, and a port") {
  CHECK(parsed("127.0.0.1:7080") == "127.0.0.1 7080");
  CHECK(parsed("[::1]:7080") == "::1 7080");
  CHECK(parsed("name:80") == "name 80");
  CHECK(parsed("a-b.c_d.example:0") == "a-b.c_d.example 0");
  CHECK(parsed("localhost:65535") == "localhost 65535");
}

TEST_CASE("where it is allowed, the port may stand alone") {
  CHECK(parsed("7080", true) == " 7080");
  CHECK(parsed(":7080", true) == " 7080");
  CHECK(parsed("7080") == "'7080' is not HOST:PORT: the port is missing");
  CHECK(parsed(":7080") == "':7080' is not HOST:PORT: the host is missing");
}

TEST_CASE("an address that is none is refused with its text and the reason") {
  CHECK(parsed("") == "'' is not HOST:PORT: the port is missing");
  CHECK(parsed("name") == "'name' is not HOST:PORT: the port is missing");
  CHECK(parsed("name:") == "'name:' is not HOST:PORT: the port is no number from 0 to 65535");
  CHECK(parsed("name:65536") == "'name:65536' is not HOST:PORT: the port is no number from 0 to 65535");
  CHECK(parsed("name:-1") == "'name:-1' is not HOST:PORT: the port is no number from 0 to 65535");
  CHECK(parsed("name:+1") == "'name:+1' is not HOST:PORT: the port is no number from 0 to 65535");
  CHECK(parsed("name:80x") == "'name:80x' is not HOST:PORT: the port is no number from 0 to 65535");
  CHECK(parsed("::1:80") == "'::1:80' is not HOST:PORT: an IPv6 address stands in brackets: [::1]:80");
  CHECK(parsed("[::1") == "'[::1' is not HOST:PORT: a ']' is missing");
  CHECK(parsed("[::1]") == "'[::1]' is not HOST:PORT: the port is missing");
  CHECK(parsed("[::1]80") == "'[::1]80' is not HOST:PORT: the port is missing");
  CHECK(parsed("[name]:80") == "'[name]:80' is not HOST:PORT: no IPv6 address between the brackets");
  CHECK(parsed("na me:80") == "'na me:80' is not HOST:PORT: the host is no name and no IP");
  CHECK(parsed("a/b:80") == "'a/b:80' is not HOST:PORT: the host is no name and no IP");
  CHECK(parsed("\x1b[2J:80") == "'\\x1b[2J:80' is not HOST:PORT: the host is no name and no IP");
  CHECK_FALSE(parse_host_port(std::string(254, 'a') + ":80"));
}

TEST_CASE("an address is printed as it is parsed") {
  CHECK(to_string(HostPort{"::1", 80}) == "[::1]:80");
  CHECK(to_string(HostPort{"name", 80}) == "name:80");
  CHECK(to_string(HostPort{"", 80}) == ":80");
}

TEST_CASE("a socket's address is shown as the family that it is") {
  sockaddr_storage address;
  REQUIRE(to_sockaddr({"192.0.2.1", 80}, address));
  CHECK(to_string(address) == "192.0.2.1:80");
  CHECK(port_of(address) == 80);
  REQUIRE(to_sockaddr({"2001:db8::1", 443}, address));
  CHECK(to_string(address) == "[2001:db8::1]:443");
  CHECK(ip_of(address) == "2001:db8::1");
  REQUIRE(to_sockaddr({"::ffff:192.0.2.1", 80}, address));
  CHECK(to_string(address) == "192.0.2.1:80");
  CHECK(ip_of(address) == "192.0.2.1");
  CHECK_FALSE(to_sockaddr({"name", 80}, address));
}

}  // namespace tenfold
