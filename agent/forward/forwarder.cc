#include "agent/forward/forwarder.h"

#include <utility>

#include "agent/forward/own_answer.h"
#include "agent/forward/request_lines.h"

namespace tenfold {
namespace {

// Classifies the app's first bytes after the visitor's. The answer that follows an interim one is not looked for.
Splice::Turn turn_of(Bytes beginning) {
  const std::string_view text = to_text(beginning);
  constexpr std::string_view version = "HTTP/1.";
  if (text.size() < 12 || !text.starts_with(version) || text[8] != ' ') return Splice::Turn::other;
  if (text.substr(9, 3) == "101") return Splice::Turn::raw;
  return text[9] == '1' ? Splice::Turn::other : Splice::Turn::answer;
}

}  // namespace

Forwarder::Forwarder(Forwarding& forwarding, std::unique_ptr<LinkStream> stream, Owner& owner)
    : forwarding_(forwarding), owner_(owner), stream_(stream.get()) {
  const bool reads = forwarding.print_requests || forwarding.no_keep_alive || !forwarding.local_host.empty() ||
                     forwarding.first_byte != Duration::zero();
  if (!reads) {
    visitor_ = std::move(stream);
    return;
  }
  make_pass();
  auto pipe = std::make_unique<VisitorPipe>(forwarding.runtime, std::move(stream), *pass_, VisitorPipe::Ends::apart);
  visitor_pipe_ = pipe.get();
  visitor_ = std::move(pipe);
}

Forwarder::Forwarder(Forwarding& forwarding, std::unique_ptr<Duplex> pooled, Owner& owner)
    : forwarding_(forwarding), owner_(owner) {
  make_pass();
  auto pipe = std::make_unique<VisitorPipe>(forwarding.runtime, std::move(pooled), *pass_, VisitorPipe::Ends::as_one,
                                            [this] { owner_.on_forwarder_half_closed(*this); });
  visitor_pipe_ = pipe.get();
  visitor_ = std::move(pipe);
}

Forwarder::~Forwarder() = default;

void Forwarder::make_pass() {
  if (forwarding_.print_requests) {
    lines_ =
        std::make_unique<RequestLines>(forwarding_, stream_ == nullptr ? std::string() : std::string(stream_->peer()));
  }
  pass_ = std::make_unique<HttpPass>(
      HttpPass::Changes{
          .host = forwarding_.local_host, .close = forwarding_.no_keep_alive, .tls = forwarding_.local_tls},
      lines_.get());
}

void Forwarder::start() {
  if (stream_ == nullptr) return join(std::make_unique<AppPipe>(forwarding_, *pass_));
  dialing_ = forwarding_.target.open([this](Result<std::unique_ptr<Duplex>> local) { on_open(std::move(local)); });
}

void Forwarder::on_open(Result<std::unique_ptr<Duplex>> local) {
  forwarding_.runtime.graveyard.bury(std::move(dialing_));
  if (!local) {
    stream_->refuse(dial_failure(local.error()).kind);
    return finish({});
  }
  stream_->accept();
  join(std::make_unique<AppPipe>(forwarding_, pass_.get(), *std::move(local)));
}

void Forwarder::join(std::unique_ptr<AppPipe> app) {
  app_ = app.get();
  splice_ = std::make_unique<Splice>(forwarding_.runtime, std::move(visitor_), std::move(app), *this);
  if (stream_ != nullptr) splice_->refuse_unbegun(turn_of);
  splice_->start();
}

void Forwarder::on_splice_done(Splice&, const Error& why) { finish(why); }

void Forwarder::finish(const Error& why) {
  if (std::exchange(done_, true)) return;
  if (pass_ != nullptr) pass_->on_over();
  owner_.on_forwarder_done(*this, why);
}

void Forwarder::give_up() {
  if (!std::exchange(done_, true) && pass_ != nullptr) pass_->on_over();
}

void Forwarder::leave() {
  if (done_) return;
  app_->leave();
  visitor_pipe_->leave();
}

}  // namespace tenfold
