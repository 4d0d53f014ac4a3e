// Writes the handshake's request, and parses its answer. docs/PROTOCOL.md, "Handshake"; the classic one is the same
// request without Upgrade and offer. Pure.
//
//   pipe.write(to_bytes(write_handshake(request)));
//   taken = reader.feed(bytes);          // bytes after a 101 belong to the link
//   if (reader.done()) use(reader.take());
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/links/broker_json.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "http1/body_framing.h"
#include "http1/head_reader.h"
#include "mux/handshake.h"

namespace tenfold {

struct HandshakeRequest {
  std::string host;          // the Host field
  std::string name;          // empty: any
  std::string token;         // empty: none
  std::string resume_token;  // as in Registered; empty: none
  std::string instance{};    // of the agent; empty: it is left out
  handshake::Question question = handshake::Question::upgrade;
};

std::string write_handshake(const HandshakeRequest& request);

struct HandshakeAnswer {
  handshake::Answer answer;
  BrokerJson json;
  std::optional<Duration> retry_after;
  std::string location;  // of a redirect, which is not followed
};

// The meaning of the answer to `question`. For a classic one the stock server's refusals are recognized, which have no
// code.
handshake::Next read_answer(handshake::Question question, const HandshakeAnswer& answer);

class AnswerReader {
 public:
  // Consumes the answer's bytes; none when done() or failed().
  std::size_t feed(Bytes bytes);
  // The connection ended. An end before the first byte also counts as an answer.
  void end_of_input();

  bool done() const { return state_ == State::done; }
  bool failed() const { return state_ == State::failed; }
  const Error& error() const { return error_; }

  HandshakeAnswer take() { return std::move(answer_); }

 private:
  enum class State { head, body, done, failed };

  void on_head();
  void on_body_end();
  void fail(std::string what);

  State state_ = State::head;
  http1::HeadReader head_{http1::HeadReader::Kind::response};
  http1::BodyReader body_;
  std::string text_;         // the body
  std::size_t interim_ = 0;  // 1xx answers so far
  HandshakeAnswer answer_;
  Error error_;
};

}  // namespace tenfold
