#include "agent/links/handshake_text.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "agent/links/version.h"
#include "agent/rules.h"
#include "base/base64.h"
#include "base/limits.h"
#include "http1/head_writer.h"
#include "mux/registration.h"

namespace tenfold {

using handshake::Next;
using handshake::Question;

namespace {

constexpr std::int64_t retry_after_most = 3600;  // seconds; a broker that asks for more is still asked after an hour

// RFC 9110, 10.2.3. Only the number of seconds: a date depends on the peer's clock.
std::optional<Duration> read_retry_after(const http::Fields& fields) {
  const http::Field* field = http::find(fields, "Retry-After");
  if (field == nullptr) return std::nullopt;
  std::int64_t seconds = 0;
  const char* const end = field->value.data() + field->value.size();
  const auto [last, fault] = std::from_chars(field->value.data(), end, seconds);
  if (fault != std::errc() || last != end || seconds < 0) return std::nullopt;
  return std::chrono::seconds(std::min(seconds, retry_after_most));
}

}  // namespace

std::string write_handshake(const HandshakeRequest& request) {
  std::string out;
  http1::HeadWriter head(out);
  head.request_line("GET", request.name.empty() ? "/?new" : "/" + request.name);
  head.field("Host", request.host);
  head.field("User-Agent", std::string("tenfold-agent/") + version);
  if (request.question == Question::upgrade) {
    head.field("Connection", "Upgrade");
    head.field("Upgrade", handshake::upgrade_token);
  } else {
    head.field("Accept", "application/json");
    head.field("Connection", "close");
  }
  if (request.question != Question::classic) head.field(handshake::offer_field, handshake::upgrade_token);
  if (!request.token.empty()) head.field("Authorization", "Bearer " + request.token);
  if (!request.resume_token.empty()) head.field(handshake::resume_field, encode_base64url(request.resume_token));
  if (request.question == Question::upgrade && !request.instance.empty()) {
    Registration registration;
    registration.kind = "http";
    registration.instance = request.instance;
    head.field(handshake::register_field, encode_base64url(serialize_registration(registration)));
  }
  head.end();
  return out;
}

handshake::Next read_answer(Question question, const HandshakeAnswer& answer) {
  const handshake::Answer& told = answer.answer;
  if (question != Question::classic) return handshake::read_answer(question, told);
  // 426: the server has no classic pool. 401, 403, 409: refusals of the stock server, which have a message and no code.
  if (told.status == 426) return Next::refused;
  if (!told.has_code && (told.status == 401 || told.status == 403 || told.status == 409)) return Next::refused;
  // docs/CLASSIC.md, "client-refused": a message that the server wants the stock client to print.
  if (told.status > 200 && told.status < 300 && !answer.json.message.empty()) return Next::refused;
  // All other answers mean the same as for the second request: neither asks for an Upgrade.
  return handshake::read_answer(Question::offer, told);
}

std::size_t AnswerReader::feed(Bytes bytes) {
  const std::size_t all = bytes.size();
  while (!bytes.empty() && (state_ == State::head || state_ == State::body)) {
    if (state_ == State::head) {
      bytes = bytes.subspan(head_.feed(bytes));
      if (head_.failed()) {
        fail(std::string("an answer that is no HTTP: ") + head_.fault().reason);
      } else if (head_.done()) {
        on_head();
      }
      continue;
    }
    const http1::BodyReader::Step step = body_.next(bytes);
    bytes = bytes.subspan(step.taken);
    text_ += to_text(step.payload);
    if (text_.size() > rules::classic_json_bytes) {
      fail("an answer longer than any should be");
    } else if (body_.failed()) {
      fail(std::string("an answer that is no HTTP: ") + body_.fault().reason);
    } else if (body_.done()) {
      on_body_end();
    }
  }
  return all - bytes.size();
}

void AnswerReader::on_head() {
  const http::ResponseHead& head = head_.response();
  if (head.status >= 100 && head.status < 200 && head.status != 101) {
    if (++interim_ > limits::interim_answers) return fail("interim answers without end");
    return head_.clear();
  }
  answer_.answer.status = head.status;
  answer_.retry_after = read_retry_after(head.fields);
  if (const http::Field* location = http::find(head.fields, "Location")) answer_.location = location->value;
  if (head.status == 101) {
    answer_.answer.upgraded = http::has_token(head.fields, "Connection", "upgrade") &&
                              http::has_token(head.fields, "Upgrade", handshake::upgrade_token);
    state_ = State::done;
    return;
  }
  const http1::Framed framed = http1::response_framing(head, false);
  if (framed.fault) return fail(std::string("an answer that is no HTTP: ") + framed.fault.reason);
  state_ = State::body;
  body_.start(framed.framing);
  if (body_.done()) on_body_end();
}

void AnswerReader::on_body_end() {
  answer_.json = parse_broker_json(text_);
  answer_.answer.has_code = answer_.json.code.has_value();
  answer_.answer.has_classic = answer_.answer.status == 200 && answer_.json.grant.has_value();
  state_ = State::done;
}

void AnswerReader::end_of_input() {
  if (state_ == State::head && !head_.started() && interim_ == 0) {
    state_ = State::done;  // status 0
  } else if (state_ == State::body && body_.end_of_input()) {
    on_body_end();
  } else if (state_ == State::head || state_ == State::body) {
    fail("closed in the middle of its answer");
  }
}

void AnswerReader::fail(std::string what) {
  error_ = {ErrorKind::protocol, std::move(what)};
  state_ = State::failed;
}

}  // namespace tenfold
