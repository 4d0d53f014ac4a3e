#include "http1/answer_guess.h"

#include <doctest/doctest.h>

#include <string>

namespace tenfold::http1 {
namespace {

using namespace std::string_literals;

TEST_CASE("what may be the beginning of an answer, as far as it goes") {
  for (const char* text : {"H", "HTT", "HTTP/1.1 200 OK\r\n", "HTTP/2", "\r\nHTTP/1.1 204 No Content", "\r\n", ""}) {
    CAPTURE(text);
    CHECK(begins_as_answer(to_bytes(text)));
  }
  for (const std::string& text : {"Unauthorized"s, "HTTX"s, "http/1.1 200 OK"s, "\x15\x03"s, "\0"s, "\n<html>"s}) {
    CAPTURE(text);
    CHECK_FALSE(begins_as_answer(to_bytes(text)));
  }
}

TEST_CASE("what it was instead") {
  struct Row {
    std::string beginning;
    std::string_view guess;
  };
  const std::string_view tls = "speaks TLS: try https://";
  const std::string_view http2 = "speaks HTTP/2 only: h2c:// is not served yet";
  for (const Row& row : {
           Row{"\x15\x03\x01\0\x02\x02\x16"s, tls},
           Row{"\x16\x03\x03\0\x31"s, tls},
           Row{"\0\0\0\x04\0\0\0\0\0"s, http2},
           Row{"\0\0\x12\x04\0\0\0\0\0\0\x03"s, http2},
           Row{"\0\0\x08\x07\0\0\0\0\0\0\0\0\0"s, http2},
           Row{"\0\0\x05\x04\0\0\0\0\0"s, ""},
           Row{"\0\0\x06\x04\0\0\0\0\x01"s, ""},
           Row{"\0\0\0\x04"s, ""},
           Row{"SSH-2.0-OpenSSH_9.2p1\r\n", "speaks SSH"},
           Row{"220 mail.example ESMTP\r\n", "speaks FTP or SMTP"},
           Row{"-ERR wrong number of arguments", "speaks Redis or POP3"},
           Row{"\x4a\0\0\0\x0a"
               "8.0.36"s,
               "speaks MySQL"},
           Row{"RFB 003.008\n", "speaks VNC"},
           Row{"Unauthorized", ""},
           Row{"\x15", ""},
           Row{"", ""},
       }) {
    CAPTURE(escaped(to_bytes(row.beginning)));
    CHECK(guess_of(to_bytes(row.beginning)) == row.guess);
  }
}

TEST_CASE("bytes for a terminal: 16 of them, and none that steers it") {
  CHECK(escaped(to_bytes("\x15\x03\x01\0\x02\x02\x16"s)) == "\\x15\\x03\\x01\\x00\\x02\\x02\\x16");
  CHECK(escaped(to_bytes("a\\b\x1b[2J\x7f\xff"s)) == "a\\x5cb\\x1b[2J\\x7f\\xff");
  CHECK(escaped(to_bytes("0123456789abcdefgh")) == "0123456789abcdef");
}

}  // namespace
}  // namespace tenfold::http1
