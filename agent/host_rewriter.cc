#include "agent/host_rewriter.h"

#include <utility>

#include "http1/head_writer.h"

namespace tenfold {

HostRewriter::HostRewriter(std::string host, OnRequest on_request)
    : host_(std::move(host)), on_request_(std::move(on_request)) {}

HostRewriter::Step HostRewriter::next(Bytes in) {
  switch (state_) {
    case State::head: return on_head(in, reader_.feed(in));
    case State::body: {
      const http1::BodyReader::Step step = body_.next(in);
      if (body_.failed()) {
        fault_ = body_.fault();
        state_ = State::failed;
        return {};
      }
      if (body_.done()) on_message_end();
      return {step.taken, in.first(step.taken)};
    }
    case State::raw: return {in.size(), in};
    case State::waiting:
    case State::failed: return {};
  }
  return {};
}

HostRewriter::Step HostRewriter::on_head(Bytes in, std::size_t taken) {
  if (reader_.failed()) {
    fault_ = reader_.fault();
    state_ = State::failed;
    return {};
  }
  // A head that stays as it is need not be whole before it goes on.
  Step step{taken, host_.empty() ? in.first(taken) : Bytes{}};
  if (!reader_.done()) return step;

  const http1::RequestHead& head = reader_.request();
  const http1::Framed framed = http1::request_framing(head);
  if (framed.fault) {
    fault_ = framed.fault;
    state_ = State::failed;
    return {};
  }
  if (on_request_) on_request_(head);
  if (!host_.empty()) {
    write_head(head);
    step.out = to_bytes(head_);
  }
  if (head.method == "CONNECT") {
    asked_ = Asked::connect;
  } else if (http1::find(head.fields, "Upgrade") != nullptr) {
    asked_ = Asked::upgrade;
  }
  state_ = State::body;
  body_.start(framed.framing);
  reader_.clear();
  if (body_.done()) on_message_end();
  return step;
}

void HostRewriter::on_message_end() { state_ = asked_ == Asked::nothing ? State::head : State::waiting; }

void HostRewriter::write_head(const http1::RequestHead& head) {
  head_.clear();
  http1::HeadWriter writer(head_);
  writer.request_line(head.method, head.target);
  bool written = false;
  for (const http1::Field& field : head.fields) {
    if (!http1::equal_nocase(field.name, "Host")) {
      writer.field(field.name, field.value);
    } else if (!std::exchange(written, true)) {
      writer.field(field.name, host_);
    }
  }
  if (!written) writer.field("Host", host_);
  // RFC 9112, 9.3: a 1.0 request without keep-alive is the last one on its connection; as 1.1 it must say so.
  if (head.minor_version == 0 && !http1::wants_keep_alive(0, head.fields)) writer.field("Connection", "close");
  writer.end();
}

void HostRewriter::on_answer(Bytes bytes) {
  while (asked_ != Asked::nothing && !bytes.empty()) {
    bytes = bytes.subspan(answer_.feed(bytes));
    if (answer_.failed()) return on_verdict(false);
    if (!answer_.done()) return;
    const int status = answer_.response().status;
    // RFC 9110, 15.2: "A client MUST be able to parse one or more 1xx responses received prior to a final response".
    const bool interim = status >= 100 && status < 200 && status != 101;
    if (!interim) {
      return on_verdict(asked_ == Asked::upgrade ? status == 101 : status >= 200 && status < 300);
    }
    answer_.clear();
  }
}

void HostRewriter::on_verdict(bool other_protocol) {
  asked_ = Asked::nothing;
  answer_.clear();
  if (other_protocol) {
    state_ = State::raw;
  } else if (state_ == State::waiting) {
    state_ = State::head;
  }
}

}  // namespace tenfold
