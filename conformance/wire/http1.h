// HTTP/1.1 for the cases: written raw, and read with all details of the wire. Visitor, local application and classic
// client are each an Http over a Socket.
//
//   Http visitor(target.dial());
//   visitor.send(request("GET", "/", "blue-fox.localhost"));
//   Message answer = visitor.read_answer();
//   REQUIRE(answer.status == 200);
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conformance/wire/socket.h"

namespace tenfold::conformance {

using FieldList = std::vector<std::pair<std::string, std::string>>;

struct Message {
  std::string first_line;
  std::string method, target;  // of a request
  int status = 0;              // of an answer
  FieldList fields;            // as received, in order
  std::string body;
  FieldList trailers;
  bool cut = false;  // the connection ended before the body was complete

  std::string field(std::string_view name) const;  // the value of the first one; "" if there is none
  std::vector<std::string> all(std::string_view name) const;
  bool has(std::string_view name) const { return !all(name).empty(); }
  // Whether a comma-separated field contains this token, compared without case.
  bool lists(std::string_view name, std::string_view token) const;
};

// "GET /path HTTP/1.1", Host and the fields; Content-Length if there is a body.
std::string request(std::string_view method, std::string_view target, std::string_view host,
                    const FieldList& fields = {}, std::string_view body = {});
// "HTTP/1.1 200 OK" with Content-Length and the fields.
std::string answer(int status, std::string_view body, const FieldList& fields = {});
// The body in chunks of these sizes, in turn, and the last chunk.
std::string chunked(std::string_view body, const std::vector<std::size_t>& sizes, std::string_view trailers = {});
// `size` bytes that vary by position, so that a lost or repeated part is detected.
std::string pattern(std::size_t size, unsigned seed = 1);

class Http {
 public:
  Http() = default;
  explicit Http(Socket socket) : socket_(std::move(socket)) {}

  void send(std::string_view bytes, Deadline deadline = in(patience)) { socket_.write(bytes, deadline); }

  Message read_head(Deadline deadline = in(patience));
  // Reads the body after `head` into it. `method`: of the request that an answer belongs to.
  void read_body(Message& head, std::string_view method = "GET", Deadline deadline = in(patience));
  Message read_request(Deadline deadline = in(patience));
  // Skips 1xx answers, except 101.
  Message read_answer(std::string_view method = "GET", Deadline deadline = in(patience));

  std::string read_exactly(std::size_t size, Deadline deadline = in(patience));
  std::string read_some(Deadline deadline = in(patience));  // the bytes that are there; empty at the end
  std::string read_to_end(Deadline deadline = in(patience));
  // Throws unless the peer closes (by FIN or RST); discards what it sends before.
  void wait_for_end(Deadline deadline = in(patience));
  // Whether no byte and no end comes within this time.
  bool silent(Millis within);
  std::string_view buffered() const { return buffer_; }

  Socket& socket() { return socket_; }

 private:
  bool fill(Deadline deadline);  // false at the peer's FIN
  std::string read_line(Deadline deadline);
  void read_chunks(Message& head, Deadline deadline);

  Socket socket_;
  std::string buffer_;
};

}  // namespace tenfold::conformance
