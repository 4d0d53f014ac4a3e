#include "agent/forward/question.h"

#include <doctest/doctest.h>

#include "agent/rules.h"

namespace tenfold {
namespace {

// "METHOD target" of what the app owes an answer to; "" when that cannot be said.
std::string whole(std::string_view text, std::size_t at_once = 7) {
  Question question;
  for (; !text.empty(); text.remove_prefix(std::min(at_once, text.size()))) {
    question.add(to_bytes(text.substr(0, at_once)));
  }
  const std::optional<HttpPass::Asked> asked = question.whole();
  return asked ? asked->method + ' ' + asked->target : std::string();
}

const std::string cookie = "Cookie: " + std::string(3 * rules::question_kept, 'c') + "\r\n";

TEST_CASE("a question is a request that the app has, as far as can be said") {
  CHECK(whole("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n") == "GET /a?b");
  CHECK(whole("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody") == "POST /a");
  CHECK(whole("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x')) ==
        "POST /a");
  CHECK(whole("GET /a HTTP/1.1\r\nHost: x\r\n" + cookie + "\r\n") == "GET /a");
  CHECK(whole("GET /" + std::string(1000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n").size() == 4 + rules::printed_target);
}

TEST_CASE("what is no whole request is no question") {
  for (const std::string& text :
       {std::string(), std::string("GET /a HTTP/1.1\r\nHo"), std::string("\x81\x02hi"),
        std::string("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n") + std::string(99'999, 'x'),
        std::string("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"),
        "POST /a HTTP/1.1\r\nHost: x\r\n" + cookie + "Content-Length: 10\r\n\r\n", std::string(100'000, 'x'),
        std::string("GET ") + std::string(100'000, 'x')}) {
    CAPTURE(text.substr(0, 40));
    CHECK(whole(text).empty());
  }
}

TEST_CASE("a request is known as one before all of it is there") {
  const auto is_request = [](std::string_view text) {
    Question question;
    question.add(to_bytes(text));
    return question.is_request();
  };
  CHECK(is_request("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo"));
  CHECK(is_request("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
  CHECK(is_request("POST /a HTTP/1.1\r\nHost: x\r\n" + cookie));
  CHECK_FALSE(is_request("POST /a HTTP/1.1\r\nHo"));
  CHECK_FALSE(is_request("\x81\x02hi"));
  CHECK_FALSE(is_request(std::string(100'000, 'x')));
}

TEST_CASE("a question that was answered is forgotten") {
  Question question;
  CHECK(question.empty());
  question.add(to_bytes("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
  question.clear();
  CHECK(question.empty());
  question.add(to_bytes("GET /b HTTP/1.1\r\nHost: x\r\n\r\n"));
  CHECK(question.whole()->target == "/b");
}

}  // namespace
}  // namespace tenfold
