// Addresses as flags and logs have them.
#include "base/address.h"

#include <doctest/doctest.h>

#include <string>

namespace tenfold {
namespace {

std::string parsed(std::string_view text, bool allow_no_host = false) {
  const Result<Address> address = Address::parse(text, allow_no_host);
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
  CHECK(parsed("7080") == "the port is missing");
  CHECK(parsed(":7080") == "the host is missing");
}

TEST_CASE("an address that is none is refused with the reason") {
  CHECK(parsed("") == "the port is missing");
  CHECK(parsed("name") == "the port is missing");
  CHECK(parsed("name:") == "the port is no number from 0 to 65535");
  CHECK(parsed("name:65536") == "the port is no number from 0 to 65535");
  CHECK(parsed("name:-1") == "the port is no number from 0 to 65535");
  CHECK(parsed("name:+1") == "the port is no number from 0 to 65535");
  CHECK(parsed("name:80x") == "the port is no number from 0 to 65535");
  CHECK(parsed("::1:80") == "an IPv6 address stands in brackets: [::1]:80");
  CHECK(parsed("[::1") == "a ']' is missing");
  CHECK(parsed("[::1]") == "the port is missing");
  CHECK(parsed("[::1]80") == "the port is missing");
  CHECK(parsed("[name]:80") == "no IPv6 address between the brackets");
  CHECK(parsed("na me:80") == "the host is no name and no IP");
  CHECK(parsed("a/b:80") == "the host is no name and no IP");
  CHECK(parsed("\x1b[2J:80") == "the host is no name and no IP");
  CHECK_FALSE(Address::parse(std::string(254, 'a') + ":80"));
}

TEST_CASE("an address is printed as it is parsed") {
  CHECK(to_string(Address{"::1", 80}) == "[::1]:80");
  CHECK(to_string(Address{"name", 80}) == "name:80");
  CHECK(to_string(Address{"", 80}) == ":80");
}

TEST_CASE("a unix socket is a path from the root") {
  for (const char* text : {"unix:/run/app.sock", "unix:/a", "unix:/with space:and colon", "unix://two"}) {
    CAPTURE(text);
    const Result<Address> address = Address::parse(text, true);
    REQUIRE(address);
    CHECK(address->is_unix());
    CHECK(*address->path == text + 5);
    CHECK(to_string(*address) == text);
    CHECK(*address == Address::of_unix(text + 5));
  }
  CHECK_FALSE(Address::parse("name:80")->is_unix());
  CHECK(to_string(Address::of_unix("")) == "unix");
}

TEST_CASE("a path that no unix socket has is refused with the reason") {
  CHECK(parsed("unix:") == "the path of the unix socket is missing");
  CHECK(parsed("unix:run/app.sock") == "the path of a unix socket begins with '/'");
  CHECK(parsed("unix:80") == "the path of a unix socket begins with '/'");
  CHECK(Address::parse("unix:/" + std::string(106, 'a')));
  CHECK(parsed("unix:/" + std::string(107, 'a')) == "the path of a unix socket has 107 bytes at most, this one 108");
  CHECK(parsed(std::string_view("unix:/a\0b", 9)) == "the path of a unix socket has no zero byte");
}

TEST_CASE("where only TCP makes sense, unix is a host") {
  const Result<Address> address = Address::parse_tcp("unix:80");
  REQUIRE(address);
  CHECK(*address == Address{"unix", 80});
  CHECK_FALSE(Address::parse_tcp("unix:/run/app.sock"));
}

}  // namespace tenfold
