#include "agent/forwarder.h"

#include <utility>

#include "base/limits.h"
#include "http1/head_writer.h"

namespace tenfold {
namespace {

// For a visitor of the classic pool, where nobody but us can say it. Names the cause, never the local address.
std::string bad_gateway(ErrorKind cause, bool with_body) {
  const std::string body = std::string("The local application does not answer: ") + to_string(cause) + ".\n";
  std::string out;
  http1::HeadWriter head(out);
  head.status_line(502, {});
  head.field("Content-Type", "text/plain; charset=utf-8");
  head.field("Content-Length", body.size());
  head.field("Connection", "close");
  head.end();
  return with_body ? out + body : out;
}

// wire.md: the causes that a broker knows.
ErrorKind cause_on_the_wire(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::timeout:
    case ErrorKind::dns:
    case ErrorKind::tls: return kind;
    default: return ErrorKind::refused;
  }
}

// By the first bytes of what the app says after the visitor. An interim answer has another one behind it, which is not
// looked for.
Splice::Turn turn_of(Bytes beginning) {
  const std::string_view text = to_text(beginning);
  constexpr std::string_view version = "HTTP/1.";
  if (text.size() < 12 || !text.starts_with(version) || text[8] != ' ') return Splice::Turn::other;
  if (text.substr(9, 3) == "101") return Splice::Turn::raw;
  return text[9] == '1' ? Splice::Turn::other : Splice::Turn::answer;
}

}  // namespace

Forwarder::Forwarder(Forwarding& forwarding, std::unique_ptr<LinkStream> stream, Owner& owner)
    : forwarding_(forwarding), owner_(owner), state_(State::dialling), stream_(stream.get()) {
  std::unique_ptr<HostRewriter> rewriter = make_rewriter();
  if (rewriter == nullptr) {
    visitor_ = std::move(stream);
    return;
  }
  auto pipe = std::make_unique<VisitorPipe>(forwarding.runtime, std::move(stream), std::move(rewriter),
                                            VisitorPipe::Ends::apart);
  pipe_ = pipe.get();
  visitor_ = std::move(pipe);
}

Forwarder::Forwarder(Forwarding& forwarding, std::unique_ptr<Duplex> pooled, Owner& owner)
    : forwarding_(forwarding), owner_(owner), state_(State::waiting) {
  auto pipe =
      std::make_unique<VisitorPipe>(forwarding.runtime, std::move(pooled), make_rewriter(), VisitorPipe::Ends::as_one);
  pipe_ = pipe.get();
  visitor_ = std::move(pipe);
}

Forwarder::~Forwarder() = default;

std::unique_ptr<HostRewriter> Forwarder::make_rewriter() {
  if (!forwarding_.print_requests && forwarding_.local_host.empty()) return nullptr;
  if (!forwarding_.print_requests) return std::make_unique<HostRewriter>(forwarding_.local_host, nullptr);
  const auto tell = [this](const http1::RequestHead& head) {
    // A server that shares a pipe among visitors names each one's address in the head; else the stream's has to do.
    const http1::Field* forwarded = http1::find(head.fields, "X-Forwarded-For");
    const std::string_view opener = stream_ == nullptr ? std::string_view() : stream_->peer();
    forwarding_.status.request(head.method, head.target, forwarded == nullptr ? opener : forwarded->value);
  };
  return std::make_unique<HostRewriter>(forwarding_.local_host, tell);
}

void Forwarder::start() {
  if (state_ == State::dialling) return dial();
  visitor_->set_handler(this);
}

void Forwarder::dial() {
  state_ = State::dialling;
  dialing_ = forwarding_.local.open([this](Result<std::unique_ptr<Duplex>> local) { on_open(std::move(local)); });
}

void Forwarder::on_open(Result<std::unique_ptr<Duplex>> local) {
  forwarding_.runtime.graveyard.bury(std::move(dialing_));
  if (!local) return refuse(local.error());
  state_ = State::joined;
  if (stream_ != nullptr) stream_->accept();
  splice_ = std::make_unique<Splice>(forwarding_.runtime, std::move(visitor_), *std::move(local), *this);
  if (stream_ != nullptr) splice_->refuse_unbegun(turn_of);
  splice_->start(early_);
  early_ = {};
}

void Forwarder::refuse(const Error& why) {
  state_ = State::refusing;
  // What still comes is let go of for a while: an answer behind which unread bytes are cut off may
  // be lost with them (RFC 9112, 9.6).
  forwarding_.runtime.timers.arm_in(linger_, limits::linger_time);
  if (stream_ != nullptr) {
    stream_->refuse(cause_on_the_wire(why.kind));
    visitor_->set_handler(this);
    return;
  }
  const bool to_head = to_text(early_).starts_with("HEAD ");
  visitor_->set_handler(this);
  visitor_->write(to_bytes(bad_gateway(why.kind, !to_head)));
  visitor_->end();
  visitor_->credit(std::exchange(early_, {}).size());
}

void Forwarder::on_data(Bytes bytes) {
  if (state_ == State::refusing) return visitor_->credit(bytes.size());
  if (state_ != State::waiting) return;
  // The first byte of a visitor: the app is dialled now and not sooner, for apps close connections on which nobody says
  // a word. These bytes are credited by the splice that gets them.
  early_.assign(bytes.begin(), bytes.end());
  visitor_->set_handler(nullptr);
  dial();
}

void Forwarder::on_end() {
  // The server lets go of a socket that no visitor used.
  if (state_ == State::waiting) finish({});
}

void Forwarder::on_closed(const Error& why) { finish(state_ == State::refusing ? Error{} : why); }

void Forwarder::on_splice_done(Splice&, const Error& why) { finish(why); }

void Forwarder::finish(const Error& why) {
  if (state_ == State::done) return;
  unvisited_ = state_ == State::waiting;
  state_ = State::done;
  forwarding_.runtime.timers.disarm(linger_);
  owner_.on_forwarder_done(*this, why);
}

bool Forwarder::between_requests(Duration quiet) const {
  if (state_ == State::waiting) return true;
  if (state_ != State::joined || pipe_ == nullptr) return false;
  return pipe_->answered() && forwarding_.runtime.now() - pipe_->last_byte() >= quiet;
}

}  // namespace tenfold
