#include "http1/answer_guess.h"

#include <algorithm>
#include <array>

namespace tenfold::http1 {
namespace {

constexpr std::size_t shown_bytes = 16;

struct Known {
  std::string_view prefix;
  std::string_view guess;
};

// Greetings of servers that speak first, and answers of others to a request that they do not understand.
constexpr std::array known{
    Known{"SSH-", "speaks SSH"},          Known{"220 ", "speaks FTP or SMTP"},
    Known{"220-", "speaks FTP or SMTP"},  Known{"* OK", "speaks IMAP"},
    Known{"+OK", "speaks POP3 or Redis"}, Known{"-ERR", "speaks Redis or POP3"},
    Known{"RFB ", "speaks VNC"},          Known{"AMQP", "speaks AMQP"},
    Known{"RTSP/", "speaks RTSP"},        Known{"ICY ", "speaks ICY, as old radio streams do"},
};

// RFC 8446 5.1: a record's type, alert(21) or handshake(22), and its legacy version, 3.x.
bool is_tls(std::string_view text) {
  return text.size() >= 2 && (text[0] == 0x15 || text[0] == 0x16) && text[1] == 0x03;
}

// RFC 9113 4.1: a length, a type, flags and a stream. 6.5 and 6.8: SETTINGS, whose length is a multiple of 6, and
// GOAWAY use stream 0. A server's first frame is SETTINGS; its reply to HTTP/1.1 is GOAWAY.
bool is_http2(std::string_view text) {
  if (text.size() < 9 || text.substr(5, 4) != std::string_view("\0\0\0\0", 4) || text[0] != 0) return false;
  const auto octet = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned length = octet(1) * 256U + octet(2);
  return (text[3] == 4 && length % 6 == 0) || (text[3] == 7 && length >= 8);
}

// The greeting of MySQL and MariaDB: a packet's length, its number 0, protocol version 10.
bool is_mysql(std::string_view text) { return text.size() >= 5 && text[2] == 0 && text[3] == 0 && text[4] == 10; }

}  // namespace

bool begins_as_answer(Bytes beginning) {
  constexpr std::string_view version = "HTTP/";
  std::string_view text = to_text(beginning);
  text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
  return version.starts_with(text.substr(0, version.size()));
}

std::string_view guess_of(Bytes beginning) {
  const std::string_view text = to_text(beginning);
  if (is_tls(text)) return "speaks TLS: try https://";
  if (is_http2(text)) return "speaks HTTP/2 only: h2c:// is not served yet";
  if (is_mysql(text)) return "speaks MySQL";
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const Known& each) { return text.starts_with(each.prefix); });
  return found == known.end() ? std::string_view() : found->guess;
}

std::string escaped(Bytes beginning) {
  constexpr char hex[] = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : beginning.first(std::min(beginning.size(), shown_bytes))) {
    if (byte >= 0x20 && byte < 0x7f && byte != '\\') {
      out += static_cast<char>(byte);
    } else {
      out += {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
    }
  }
  return out;
}

}  // namespace tenfold::http1
