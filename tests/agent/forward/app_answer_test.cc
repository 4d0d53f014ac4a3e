#include "agent/forward/app_answer.h"

#include <doctest/doctest.h>

#include "agent/rules.h"

namespace tenfold {
namespace {

bool is_cut(std::string_view text, std::size_t at_once, bool to_head = false, bool reset = true) {
  AppAnswer answer;
  for (; !text.empty(); text.remove_prefix(std::min(at_once, text.size()))) {
    answer.add(to_bytes(text.substr(0, at_once)));
  }
  return answer.is_cut(to_head, reset);
}

TEST_CASE("an answer is cut when its framing says that more was to come") {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string big(3 * rules::question_kept, 'x');
  const std::string many = "Content-Length: " + std::to_string(big.size()) + "\r\n\r\n";
  const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";
  for (const std::size_t at_once : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
    CAPTURE(at_once);
    for (const std::string& cut :
         {ok + "Content-Length: 5\r\n\r\nhell", ok + many + big.substr(1), ok + chunked + "3\r\none\r\n", ok + chunked,
          ok.substr(0, 9), "HTTP/1.1 103 Early Hints\r\n\r\n" + ok + "Content-Length: 1\r\n\r\n"}) {
      CAPTURE(cut.substr(0, 100));
      CHECK(is_cut(cut, at_once));
    }
    for (const std::string& whole :
         {ok + "Content-Length: 5\r\n\r\nhello", ok + many + big, ok + chunked + "3\r\none\r\n0\r\n\r\n",
          ok + chunked + "0\r\n\r\n", ok + chunked + "3\r\none\r\n0\r\nX-Trailer: y\r\n\r\n",
          std::string("HTTP/1.1 204 No Content\r\n\r\n"), std::string("HTTP/1.1 101 Switching Protocols\r\n\r\nraw"),
          std::string("no HTTP"), std::string()}) {
      CAPTURE(whole.substr(0, 100));
      CHECK_FALSE(is_cut(whole, at_once));
    }
    CHECK(is_cut(ok + "\r\nuntil close", at_once));
    CHECK_FALSE(is_cut(ok + "\r\nuntil close", at_once, false, false));
    CHECK_FALSE(is_cut(ok + "Content-Length: 5\r\n\r\n", at_once, true));
    CHECK_FALSE(is_cut(ok + "X: " + big + "\r\nContent-Length: 5\r\n\r\n", at_once));
  }
}

TEST_CASE("what an idle connection's end says behind a whole answer makes that no cut one") {
  for (const std::string& whole :
       {std::string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")}) {
    AppAnswer answer;
    answer.add(to_bytes(whole));
    answer.add(to_bytes("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\nlate"));
    CHECK_FALSE(answer.is_cut(false, true));
  }
}

}  // namespace
}  // namespace tenfold
