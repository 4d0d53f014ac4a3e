// The questions about fields that every message is asked.
#include "http/head.h"
#include "http/authority.h"

#include <doctest/doctest.h>

#include <cctype>
#include <random>
#include <string>

using namespace tenfold::http;

TEST_CASE("names are equal without case, at every length and place, and by ASCII alone") {
  std::mt19937 random(7);
  for (std::size_t size = 0; size <= 40; ++size) {
    std::string a(size, '\0');
    for (char& c : a) c = static_cast<char>(random());
    std::string swapped = a;
    for (char& c : swapped) {
      const auto octet = static_cast<unsigned char>(c);
      if (octet < 0x80 && std::isalpha(octet)) c = static_cast<char>(c ^ 0x20);
    }
    CAPTURE(size);
    CHECK(equal_nocase(a, a));
    CHECK(equal_nocase(a, swapped));
    CHECK_FALSE(equal_nocase(a, a + "x"));
    for (std::size_t i = 0; i < size; ++i) {
      std::string other = swapped;
      other[i] = static_cast<char>(other[i] ^ 1);
      CHECK_FALSE(equal_nocase(a, other));
    }
  }
}

TEST_CASE("each pair of octets compares as ASCII letters do") {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const auto lower = [](int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
      const std::string left(3, static_cast<char>(a));
      const std::string right(3, static_cast<char>(b));
      if (equal_nocase(left, right) != (lower(a) == lower(b))) FAIL(a << " and " << b);
      if (equal_nocase(left + "-----", right + "-----") != (lower(a) == lower(b))) FAIL(a << " and " << b);
    }
  }
}

TEST_CASE("find and count go by the name without case") {
  const Fields fields{{"Host", "a"}, {"X-One", "1"}, {"x-one", "2"}};
  CHECK(find(fields, "x-ONE") == &fields[1]);
  CHECK(find(fields, "x-two") == nullptr);
  CHECK(count(fields, "X-ONE") == 2);
  CHECK(count(fields, "y") == 0);
}

TEST_CASE("a list's tokens come from every field of the name, without blanks and empty elements") {
  const Fields fields{{"Connection", " , a ,\tb c,,"}, {"X", "z"}, {"connection", ""}, {"CONNECTION", "d"}};
  std::string seen;
  CHECK_FALSE(any_token(fields, "connection", [&](std::string_view token) {
    seen.append(token).append("|");
    return false;
  }));
  CHECK(seen == "a|b c|d|");
  CHECK(has_token(fields, "connection", "D"));
  CHECK(has_token(fields, "connection", "b c"));
  CHECK_FALSE(has_token(fields, "connection", "b"));
  CHECK_FALSE(has_token(fields, "connection", ""));
}

TEST_CASE("hop-by-hop fields are the fixed ones and those that Connection names") {
  const Fields fields{{"Connection", "close, X-Secret"}};
  const HopByHop hop_by_hop(fields);
  for (const char* name : {"Connection", "proxy-connection", "Keep-Alive", "TE", "Transfer-Encoding", "UPGRADE",
                           "Proxy-Authenticate", "Proxy-Authorization", "x-secret", "Close"}) {
    CAPTURE(name);
    CHECK(hop_by_hop.has(name));
  }
  for (const char* name : {"Host", "Content-Length", "X-Other", "T", "TF", "Trailer", "Upgrades", "Keep-Alike"}) {
    CAPTURE(name);
    CHECK_FALSE(hop_by_hop.has(name));
  }
}

TEST_CASE("no Connection takes away what routes, frames, counts the hops or says what the content is") {
  const Fields fields{{"Connection", "Via, Host, Content-Length, Max-Forwards, Content-Type, Authorization, X-Mine"}};
  const HopByHop hop_by_hop(fields);
  for (const char* name : {"via", "Host", "content-length", "Max-Forwards", "Content-Type", "authorization"}) {
    CAPTURE(name);
    CHECK_FALSE(hop_by_hop.has(name));
  }
  CHECK(hop_by_hop.has("x-mine"));
}

TEST_CASE("a Connection that names nothing but hop-by-hop fields leaves the others alone") {
  for (const Fields& fields : {Fields{}, Fields{{"Connection", "keep-alive, Upgrade"}, {"connection", "TE"}}}) {
    const HopByHop hop_by_hop(fields);
    CHECK(hop_by_hop.has("Keep-Alive"));
    CHECK(hop_by_hop.has("connection"));
    CHECK_FALSE(hop_by_hop.has("close"));
    CHECK_FALSE(hop_by_hop.has("Host"));
  }
}

TEST_CASE("a connection is kept by the version, unless Connection says otherwise") {
  CHECK(wants_keep_alive(1, {}));
  CHECK_FALSE(wants_keep_alive(0, {}));
  CHECK_FALSE(wants_keep_alive(1, {{"Connection", "upgrade, Close"}}));
  CHECK(wants_keep_alive(0, {{"connection", "Keep-Alive"}}));
  CHECK_FALSE(wants_keep_alive(0, {{"connection", "keep-alive, close"}}));
  CHECK_FALSE(wants_keep_alive(1, {{"connection", "keep-alive"}, {"connection", "close"}}));
}

TEST_CASE("a trailer loses framing, routing, authentication and hop-by-hop fields") {
  const Fields trailers{{"Connection", "X-Hop"}};
  for (const char* name : {"Content-Length", "transfer-encoding", "Host", "Trailer", "TE", "Authorization", "Cookie",
                           "Set-Cookie", "X-Forwarded-For", "x-forwarded-proto", "Forwarded", "X-Real-IP", "Via",
                           "Proxy-Anything", "If-Match", "Content-Type", "Location", "X-Hop", "Upgrade"}) {
    CAPTURE(name);
    CHECK_FALSE(allowed_in_trailer(trailers, name));
  }
  for (const char* name : {"Server-Timing", "Digest", "grpc-status", "X-Checksum", "X-Forwarded", "I", "ETag"}) {
    CAPTURE(name);
    CHECK(allowed_in_trailer(trailers, name));
  }
}

TEST_CASE("only an absolute target of http or https has a scheme here") {
  CHECK(target_scheme("http://h/") == "http");
  CHECK(target_scheme("HttpS://h") == "https");
  for (const char* other : {"", "/", "*", "h:443", "ftp://h/", "http:/h", "/http://h/", "https", "http:"}) {
    CAPTURE(other);
    CHECK(target_scheme(other).empty());
  }
}

TEST_CASE("only an absolute target has an authority") {
  CHECK(target_authority("http://h.example:80/p?q") == "h.example:80");
  CHECK(target_authority("http://u@h") == "u@h");
  CHECK(target_authority("http://h?q=/") == "h");
  CHECK(target_authority("http:///x").empty());
  CHECK(target_authority("/a?u=http://h/").empty());
  CHECK(target_authority("//h/p").empty());
  CHECK(target_authority("*").empty());
  CHECK(target_authority("h:443").empty());
}

TEST_CASE("an authority is a host and perhaps a port") {
  for (const char* text : {"a", "A.b-c_d~e", "a.", "a.b.:80", "a:", "a:80", "a:1", "a:00080", "a:65535", "127.0.0.1:1",
                           "[::1]", "[::1]:", "[::1]:80", "[::]", "[::ffff:1.2.3.4]", "[2001:DB8:1:2:3:4:5:6]",
                           "[0000:0000:0000:0000:0000:ffff:255.255.255.255]"}) {
    CAPTURE(text);
    CHECK(is_authority(text));
  }
  for (const char* text : {"",  ":",  ":80", "a:b",  "a:1:2",  "a:123456", "u@a",   "a/",         "a b", "a%20",
                           "[", "[]", "]",   "[::1", "[::1]a", "[::1]80",  "[g::]", "[::1%eth0]", "::1", "a[::1]"}) {
    CAPTURE(text);
    CHECK_FALSE(is_authority(text));
  }
}

TEST_CASE("a port that no socket can have makes no authority") {
  for (const char* text : {"a:0", "a:00000", "a:65536", "a:99999", "a:-1", "a:+1", "a:8 0", "a: 80", "a:0x50",
                           "127.0.0.1:70000", "[::1]:0", "[::1]:65536", "[::1]:x"}) {
    CAPTURE(text);
    CHECK_FALSE(is_authority(text));
  }
}

TEST_CASE("brackets hold an IPv6 address and nothing else") {
  for (const char* text : {"[zz]:1", "[1:2]", "[:::]", "[::1::]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[12345::]",
                           "[1.2.3.4]", "[...]", "[::1.2.3]", "[::256.1.1.1]", "[::1.2.3.4.5]", "[[::1]]", "[v1.a]",
                           "[ ::1]", "[0000:0000:0000:0000:0000:0ffff:255.255.255.255]"}) {
    CAPTURE(text);
    CHECK_FALSE(is_authority(text));
  }
  CHECK_FALSE(is_authority(std::string_view("[::1\0]", 6)));
}

TEST_CASE("a name has no empty label but the root behind its last dot") {
  for (const char* text : {".", "..", ".a", "a..", "a..b", "a..:80", ".:80"}) {
    CAPTURE(text);
    CHECK_FALSE(is_authority(text));
  }
}
