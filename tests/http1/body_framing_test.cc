// Where a body ends, by RFC 9112 6.3. The refusals stand in head_refusals_test.cc.
#include "http1/body_framing.h"

#include <doctest/doctest.h>

using namespace tenfold;
using namespace tenfold::http1;
using namespace tenfold::http;
using Kind = Framing::Kind;

namespace {

Framed of_request(Fields fields, int minor_version = 1) {
  return request_framing(
      {.method = "POST", .target = "/", .minor_version = minor_version, .fields = std::move(fields)});
}

Framed of_response(int status, Fields fields, bool to_head = false) {
  return response_framing({.status = status, .reason = "", .minor_version = 1, .fields = std::move(fields)}, to_head);
}

const Fields five{{"Content-Length", "5"}};
const Fields chunks{{"Transfer-Encoding", "chunked"}};

}  // namespace

TEST_CASE("a request has a body only when it says so") {
  CHECK(of_request({}).framing.kind == Kind::none);
  CHECK(of_request(five).framing.kind == Kind::length);
  CHECK(of_request(five).framing.length == 5);
  CHECK(of_request({{"content-length", "0"}}).framing.kind == Kind::length);
  CHECK(of_request({{"content-length", "0005"}}).framing.length == 5);
  CHECK(of_request(chunks).framing.kind == Kind::chunked);
  CHECK(of_request({{"transfer-encoding", " , CHUNKED ,"}}).framing.kind == Kind::chunked);
  CHECK(of_request(five, 0).framing.kind == Kind::length);
}

TEST_CASE("an answer goes on until the end when nothing says otherwise") {
  CHECK(of_response(200, {}).framing.kind == Kind::until_close);
  CHECK(of_response(200, five).framing.length == 5);
  CHECK(of_response(404, chunks).framing.kind == Kind::chunked);
  CHECK(of_response(205, {}).framing.kind == Kind::until_close);
}

TEST_CASE("an answer's equal lengths are one, a request's are not") {
  for (const Fields& fields :
       {Fields{{"Content-Length", "5"}, {"X", "y"}, {"content-length", "5"}}, Fields{{"Content-Length", "5, 5,5"}},
        Fields{{"Content-Length", "05"}, {"Content-Length", "5"}}}) {
    CHECK_FALSE(of_response(200, fields).fault);
    CHECK(of_response(200, fields).framing.kind == Kind::length);
    CHECK(of_response(200, fields).framing.length == 5);
    CHECK(of_response(200, fields, true).framing.kind == Kind::none);
    CHECK(of_response(200, fields, true).framing.length == 5);
    CHECK(of_request(fields).fault.status == 400);
  }
  for (const bool to_head : {false, true}) {
    CHECK(of_response(200, {{"Content-Length", "5"}, {"Content-Length", "6"}}, to_head).fault.status == 502);
    CHECK(of_response(304, {{"Content-Length", "5, 6"}}, to_head).fault.status == 502);
    CHECK(of_response(204, {{"Content-Length", "x"}}, to_head).fault.status == 502);
  }
}

TEST_CASE("an answer to HEAD, 1xx, 204 and 304 have no body, whatever their fields say") {
  for (const Fields& fields : {Fields{}, five, chunks}) {
    CHECK(of_response(200, fields, true).framing.kind == Kind::none);
    for (const int status : {100, 101, 103, 199, 204, 304}) {
      CAPTURE(status);
      CHECK(of_response(status, fields).framing.kind == Kind::none);
      CHECK_FALSE(of_response(status, fields).fault);
    }
  }
}

TEST_CASE("heads that no reader has checked are checked for conflicts here too") {
  CHECK(of_request({{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}).fault.status == 400);
  CHECK(of_request({{"Content-Length", "5"}, {"Content-Length", "5"}}).fault.status == 400);
  CHECK(of_request({{"Content-Length", ""}}).fault.status == 400);
  CHECK(of_request({{"Content-Length", "5,5"}}).fault.status == 400);
  CHECK(of_request({{"Content-Length", "9223372036854775808"}}).fault.status == 400);
  CHECK(of_request(chunks, 0).fault.status == 400);
  CHECK(of_response(200, {{"Transfer-Encoding", "gzip"}}).fault.status == 502);
}
