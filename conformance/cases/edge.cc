// Requests that a server must refuse at its edge: a request that two parsers could read in two ways never reaches the
// application. The list is in docs/CONFORMANCE.md, "edge".
#include <thread>

#include "conformance/cases/server_cases.h"

namespace tenfold::conformance {
namespace {

// Sends `raw` ({host}: the tunnel's) and expects one of `statuses`, or the connection's end (if `may_close`); the
// application gets nothing, and the next visitor is served.
void expect_refused(ServerTarget& target, const std::string& raw, const std::vector<int>& statuses) {
  const Tunnel tunnel = target.create();
  Pool pool(target, tunnel, 1);
  Http visitor = target.visit();
  try {
    visitor.send(fill_in(raw, {{"host", target.host_of(tunnel.id)}}), in(3s));
  } catch (const Failure&) {
    // Refused before the last byte was sent: the answer can still be read.
  }
  int status = 0;
  try {
    status = visitor.read_answer("GET", in(3s)).status;
  } catch (const Lost&) {
  } catch (const Timeout&) {
    expect(pool.silent(0ms), "it reached the application");
    throw;
  }
  if (status != 0) {
    const bool wanted = std::find(statuses.begin(), statuses.end(), status) != statuses.end();
    expect(wanted, "the answer is " + std::to_string(status));
  }
  expect(pool.silent(150ms), "something of it reached the application");
  Http next = target.visit();
  next.send(request("GET", "/next", target.host_of(tunnel.id)));
  pool.take().socket.send(answer(200, "next"));
  REQUIRE(next.read_answer().body == "next");
}

struct Bad {
  const char* id;
  const char* what;
  std::string raw;
  std::vector<int> statuses;
};

std::vector<Bad> bad_requests() {
  const std::string get = "GET / HTTP/1.1\r\nHost: {host}\r\n";
  const std::string post = "POST / HTTP/1.1\r\nHost: {host}\r\n";
  return {
      {"length-and-chunked",
       "Content-Length together with Transfer-Encoding",
       post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       {400}},
      {"two-lengths",
       "two Content-Lengths that differ",
       post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
       {400}},
      {"length-list", "a Content-Length of two values", post + "Content-Length: 1, 2\r\n\r\nab", {400}},
      {"length-sign", "a Content-Length with a sign", post + "Content-Length: +4\r\n\r\nbody", {400}},
      {"length-hex", "a Content-Length in hexadecimal", post + "Content-Length: 0x4\r\n\r\nbody", {400}},
      {"length-huge",
       "a Content-Length beyond 2^63",
       post + "Content-Length: 99999999999999999999\r\n\r\n",
       {400, 413}},
      {"unknown-coding", "a transfer coding that nobody knows", post + "Transfer-Encoding: cobra\r\n\r\n", {400, 501}},
      {"chunked-not-last",
       "chunked that is not the last coding",
       post + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
       {400, 501}},
      {"chunked-1.0",
       "Transfer-Encoding on HTTP/1.0",
       "POST / HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       {400, 501}},
      {"coding-space",
       "a space before the colon of Transfer-Encoding",
       post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
       {400}},
      {"fold", "a folded field", get + "X-A: 1\r\n folded\r\n\r\n", {400}},
      {"bare-cr", "a bare CR in a field", get + "X-A: 1\rX-B: 2\r\n\r\n", {400}},
      {"nul",
       "a NUL in a field",
       get + std::string("X-A: 1\0"
                         "2\r\n\r\n",
                         11),
       {400}},
      {"empty-name", "a field without a name", get + ": value\r\n\r\n", {400}},
      {"bad-name", "a field name with a space", get + "X A: value\r\n\r\n", {400}},
      {"no-colon", "a field without a colon", get + "nonsense\r\n\r\n", {400}},
      {"two-hosts", "two Hosts", get + "Host: other.example\r\n\r\n", {400}},
      {"host-userinfo", "userinfo in Host", "GET / HTTP/1.1\r\nHost: user@{host}\r\n\r\n", {400, 404, 421}},
      {"host-space", "a space inside Host", "GET / HTTP/1.1\r\nHost: a {host}\r\n\r\n", {400}},
      {"version-0.9", "HTTP/0.9", "GET /\r\n\r\n", {400, 505}},
      {"version-3", "a version of the future", "GET / HTTP/3.7\r\nHost: {host}\r\n\r\n", {400, 505}},
      {"version-none", "a request line without a version", "GET / \r\nHost: {host}\r\n\r\n", {400, 505}},
      {"double-space", "two spaces in the request line", "GET  / HTTP/1.1\r\nHost: {host}\r\n\r\n", {400}},
      {"method", "a method that is no token", "G(T / HTTP/1.1\r\nHost: {host}\r\n\r\n", {400, 501}},
      {"uri-long",
       "a request line of 20 KB",
       "GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\nHost: {host}\r\n\r\n",
       {400, 414, 431}},
      {"head-large", "a head of 200 KB", get + "X-A: " + std::string(200'000, 'a') + "\r\n\r\n", {400, 431}},
  };
}

void bodies(ServerSuite& suite) {
  // The head is valid and may have reached the application; the body must not look complete.
  const std::vector<std::pair<const char*, std::string>> bad = {
      {"chunk-size", "zz\r\nab\r\n0\r\n\r\n"}, {"chunk-negative", "-1\r\nab\r\n0\r\n\r\n"},
      {"chunk-no-crlf", "2\r\nabX0\r\n\r\n"},  {"chunk-huge", "ffffffffffffffffff\r\n"},
      {"chunk-bare-lf", "2\nab\n0\n\n"},
  };
  for (const auto& [id, body] : bad) {
    suite.add(
        {std::string("edge/") + id, Level::must, std::string("a bad chunk (") + id + ") never becomes a whole request",
         "CONFORMANCE edge"},
        [body = body](ServerTarget& target) {
          const Tunnel tunnel = target.create();
          Pool pool(target, tunnel, 1);
          Http visitor = target.visit();
          visitor.send(request("POST", "/", target.host_of(tunnel.id), {{"Transfer-Encoding", "chunked"}}) + body);
          if (!pool.silent(300ms)) {
            bool whole = true;
            try {
              whole = !pool.sockets()[0].read_request(in(3s)).cut;
            } catch (const Failure&) {
              whole = false;
            }
            expect(!whole, "the application got a whole request");
          }
          try {
            const int status = visitor.read_answer("POST", in(3s)).status;
            REQUIRE((status >= 400 && status < 600));
          } catch (const Lost&) {
          }
        });
  }
}

}  // namespace

void add_edge(ServerSuite& suite) {
  for (const Bad& each : bad_requests()) {
    suite.add({std::string("edge/") + each.id, Level::must,
               std::string(each.what) + ": refused, and nothing reaches the application", "CONFORMANCE edge"},
              [each](ServerTarget& target) { expect_refused(target, each.raw, each.statuses); });
  }
  bodies(suite);
  suite.add({"edge/many-fields", Level::must, "3,000 fields in a head: refused", "CONFORMANCE edge"},
            [](ServerTarget& target) {
              std::string raw = "GET / HTTP/1.1\r\nHost: {host}\r\n";
              for (int i = 0; i < 3000; ++i) raw += "X-" + std::to_string(i) + ": 1\r\n";
              expect_refused(target, raw + "\r\n", {400, 431});
            });
  suite.add({"edge/tls-hello", Level::should, "a TLS hello on the plain port is refused at once", "CONFORMANCE edge"},
            [](ServerTarget& target) {
              if (target.options().tls) skip("the server is asked over TLS");
              expect_refused(target,
                             std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(64, 'x'),
                             {400});
            });
  suite.add({"edge/slow-head", Level::should, "a head that never ends is given up within 12 s", "CONFORMANCE edge"},
            [](ServerTarget& target) {
              Http visitor = target.visit();
              visitor.send("GET / HTTP/1.1\r\nHost: ");
              const Deadline deadline = in(12s);
              while (!visitor.socket().readable(500ms)) {
                if (Clock::now() > deadline) fail("still open");
                visitor.send("x");
              }
            });
  suite.add(
      {"edge/garbage", Level::must, "random bytes are refused, and the next visitor is served", "CONFORMANCE edge"},
      [](ServerTarget& target) {
        expect_refused(target, pattern(5000, 9) + "\r\n\r\n", {400, 431, 414, 501, 505});
      });
}

}  // namespace tenfold::conformance
