#include "agent/forward/http_pass.h"

#include <utility>

#include "agent/rules.h"
#include "http1/head_writer.h"

namespace tenfold {

HttpPass::HttpPass(Changes changes, Observer* observer) : changes_(std::move(changes)), observer_(observer) {}

// ---- Requests ------------------------------------------------------------------

HttpPass::Step HttpPass::next(Bytes in) {
  switch (state_) {
    case State::head:
      // After an Upgrade that the app has not answered: most likely bytes of the other protocol.
      if (undecided()) return fail({400, "pipelined-upgrade"}, in);
      return on_head(in, request_.feed(in));
    case State::body: {
      std::size_t taken = 0;
      while (taken < in.size() && !body_.done() && !body_.failed()) taken += body_.next(in.subspan(taken)).taken;
      if (body_.failed()) return fail(body_.fault(), in);
      if (body_.done()) on_request_end();
      return {taken, in.first(taken)};
    }
    case State::raw: return {in.size(), in};
    case State::waiting:
    case State::failed: return {};
  }
  return {};
}

// Apps compare both with the Host that they get (Django's CSRF check, WebSockets of Rails and Jupyter). Origins of
// other sites are not changed.
std::string HttpPass::own_origin(std::string_view value, std::string_view visitor_host) const {
  constexpr std::string_view mark = "://";
  const std::size_t authority =
      value.find(mark) == std::string_view::npos ? value.size() : value.find(mark) + mark.size();
  const std::string_view rest = value.substr(authority);
  const std::string_view asked = rest.substr(0, rest.find('/'));
  if (asked.empty() || !http::equal_nocase(asked, visitor_host)) return std::string(value);
  return (changes_.tls ? "https://" : "http://") + changes_.host + std::string(rest.substr(asked.size()));
}

HttpPass::Step HttpPass::on_head(Bytes in, std::size_t taken) {
  const bool readable = !changes_.any() && request_.readable();
  if (request_.failed() && !readable) return fail(request_.fault(), in);
  // A head that is not changed is passed on before it is complete.
  Step step{taken, changes_.any() ? Bytes{} : in.first(taken)};
  if (!request_.done() && !readable) return step;

  const http::RequestHead& head = request_.request();
  const http1::Framed framed = http1::request_framing(head);
  if (framed.fault) return fail(framed.fault, in);
  Request request = describe(head);
  if (observer_ != nullptr) observer_->on_request(head, request);
  if (changes_.any()) {
    write_head(head, changes_.close && request.wants == Switch::nothing);
    step.out = to_bytes(head_);
  }
  expect_answer(std::move(request));
  state_ = State::body;
  body_.start(framed.framing);
  request_.clear();
  if (body_.done()) on_request_end();
  return step;
}

HttpPass::Request HttpPass::describe(const http::RequestHead& head) {
  Request request;
  request.method = head.method;
  request.target = head.target.substr(0, rules::printed_target);
  if (const http::Field* accept = http::find(head.fields, "Accept")) {
    request.accept = accept->value.substr(0, rules::accept_kept);
  }
  request.to_head = head.method == "HEAD";
  request.closes = !http::wants_keep_alive(head.minor_version, head.fields);
  request.awaits_continue = http::has_token(head.fields, "Expect", "100-continue");
  if (head.method == "CONNECT") {
    request.wants = Switch::connect;
  } else if (http::find(head.fields, "Upgrade") != nullptr) {
    request.wants = Switch::upgrade;
  }
  return request;
}

void HttpPass::expect_answer(Request request) {
  if (asked_.size() == rules::pipelined_requests) go_opaque();
  // holds() ends with an answer, so answers must be read. Earlier answers have arrived by now: a proxy that keeps
  // upstream connections waits for them before it sends such a request.
  if (changes_.any() && request.wants != Switch::nothing) reads_answers_ = true;
  if (reads_answers_) {
    asked_.push_back(std::move(request));
  } else if (observer_ != nullptr) {
    observer_->on_answered(request, {.end = Answered::End::unknown});
  }
}

void HttpPass::on_request_end() { state_ = undecided() && changes_.any() ? State::waiting : State::head; }

// `closes`: this request is to be the last one of its connection.
void HttpPass::write_head(const http::RequestHead& head, bool closes) {
  head_.clear();
  http1::HeadWriter writer(head_);
  writer.request_line(head.method, head.target);
  bool host_written = changes_.host.empty();
  const http::Field* host = http::find(head.fields, "Host");
  for (const http::Field& field : head.fields) {
    if (!changes_.host.empty() && http::equal_nocase(field.name, "Host")) {
      if (!std::exchange(host_written, true)) writer.field(field.name, changes_.host);
    } else if (!changes_.host.empty() &&
               (http::equal_nocase(field.name, "Origin") || http::equal_nocase(field.name, "Referer"))) {
      writer.field(field.name, own_origin(field.value, host == nullptr ? std::string_view() : host->value));
    } else if (closes && http::equal_nocase(field.name, "Connection")) {
      http::any_token({field}, "Connection", [&writer](std::string_view option) {
        const bool replaced = http::equal_nocase(option, "close") || http::equal_nocase(option, "keep-alive");
        if (!replaced) writer.field("Connection", option);
        return false;
      });
    } else if (!closes || !http::equal_nocase(field.name, "Keep-Alive")) {
      writer.field(field.name, field.value);
    }
  }
  if (!host_written) writer.field("Host", changes_.host);
  // RFC 9112, 9.3: a 1.0 request without keep-alive is the last one on its connection; as 1.1 it must say so.
  const bool last_of_1_0 = head.minor_version == 0 && !http::wants_keep_alive(0, head.fields);
  if (closes || last_of_1_0) writer.field("Connection", "close");
  writer.end();
}

// No byte of `in` was passed on.
HttpPass::Step HttpPass::fail(const http::Fault& fault, Bytes in) {
  if (changes_.any()) {
    fault_ = fault;
    state_ = State::failed;
    return {};
  }
  go_opaque();
  state_ = State::raw;
  return {in.size(), in};
}

// ---- Answers -------------------------------------------------------------------

std::size_t HttpPass::on_answer(Bytes bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && reads_answers_) {
    const Bytes rest = bytes.subspan(at);
    if (in_answer_body_) {
      const http1::BodyReader::Step step = answer_body_.next(rest);
      at += step.taken;
      answered_.bytes += step.payload.size();
      if (answer_body_.failed()) go_opaque();
      if (answer_body_.done()) on_answer_end();
    } else if (!asked_.empty()) {
      at += answer_.feed(rest);
      if (answer_.failed()) {
        go_opaque();
      } else if (answer_.done()) {
        on_answer_head();
      }
    } else if (turn() == Turn::request || !served_) {
      go_opaque();  // an answer to an incomplete head, or a greeting
    } else {
      return opaque_ ? bytes.size() : at;
    }
  }
  return bytes.size();
}

void HttpPass::on_answer_head() {
  const http::ResponseHead& head = answer_.response();
  Request& request = asked_.front();
  const bool agrees = request.wants == Switch::connect ? head.status >= 200 && head.status < 300 : head.status == 101;
  if (agrees) {
    answered_.status = head.status;
    tell_first(Answered::End::whole);
    if (request.wants != Switch::nothing) state_ = State::raw;
    return go_opaque();
  }
  // RFC 9110, 15.2: "A client MUST be able to parse one or more 1xx responses received prior to a final response".
  if (head.status < 200) {
    request.awaits_continue = false;
    return answer_.clear();
  }
  answered_.status = head.status;
  const http1::Framed framed = http1::response_framing(head, request.to_head);
  if (framed.fault) return go_opaque();
  if (std::exchange(request.wants, Switch::nothing) != Switch::nothing) on_declined();
  until_close_ = framed.framing.kind == http1::Framing::Kind::until_close;
  const bool keeps = !until_close_ && http::wants_keep_alive(head.minor_version, head.fields);
  if (!keeps || request.closes) over_ = true;
  answer_.clear();
  in_answer_body_ = true;
  answer_body_.start(framed.framing);
  if (answer_body_.done()) on_answer_end();
}

void HttpPass::on_answer_end() {
  tell_first(Answered::End::whole);
  in_answer_body_ = false;
  served_ = true;
  // Answered before the request was complete: its rest would be read as the next request.
  if (asked_.size() == 1 && state_ == State::body) over_ = true;
  asked_.erase(asked_.begin());
  first_told_ = false;
  answered_ = {};
}

void HttpPass::on_app_end() {
  if (in_answer_body_ && until_close_) tell_first(Answered::End::whole);
}

void HttpPass::on_over() { tell_all(Answered::End::cut); }

void HttpPass::tell_first(Answered::End end) {
  if (observer_ == nullptr || asked_.empty() || std::exchange(first_told_, true)) return;
  answered_.end = end;
  observer_->on_answered(asked_.front(), answered_);
}

// Reports each request that is under way once.
void HttpPass::tell_all(Answered::End end) {
  tell_first(end);
  for (std::size_t i = 1; observer_ != nullptr && i < asked_.size(); ++i) {
    observer_->on_answered(asked_[i], {.end = end});
  }
}

// After the refused upgrade another request follows.
void HttpPass::on_declined() {
  if (state_ == State::waiting) state_ = State::head;
}

void HttpPass::go_opaque() {
  opaque_ = true;
  reads_answers_ = false;
  in_answer_body_ = false;
  answer_.clear();
  on_declined();
  tell_all(Answered::End::unknown);
  asked_.clear();
  first_told_ = false;
}

// ---- Whose turn it is ------------------------------------------------------------

HttpPass::Turn HttpPass::turn() const {
  if (opaque_) return Turn::opaque;
  if (in_answer_body_) return until_close_ ? Turn::until_close : Turn::answer;
  if (answer_.started()) return Turn::answer;
  if (!asked_.empty()) return Turn::request;
  if (over_) return Turn::over;
  return request_.started() ? Turn::request : Turn::between;
}

bool HttpPass::awaits_app() const {
  if (opaque_ || asked_.empty() || in_answer_body_ || answer_.started()) return false;
  return asked_.size() > 1 || state_ != State::body || asked_.front().awaits_continue;
}

}  // namespace tenfold
