#include "io/tls_socket.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/limits.h"

namespace tenfold {

TlsSocket::TlsSocket(Loop& loop, std::unique_ptr<Duplex> transport, std::shared_ptr<TlsContext> context,
                     TlsEngine::Role role, std::string_view host, std::function<void()> on_ready)
    : loop_(loop),
      transport_(std::move(transport)),
      on_ready_(std::move(on_ready)),
      engine_(loop.runtime(), std::move(context), role, host, *this),
      plain_(loop.runtime().blocks),
      early_(loop.runtime().blocks) {
  loop.runtime().timers.arm_in(deadline_, limits::tls_handshake_time);
  transport_->set_handler(this);
  engine_.start();
}

TlsSocket::~TlsSocket() { reset(ErrorKind::cancelled); }

void TlsSocket::set_handler(Duplex::Handler* handler) {
  if (state_ == State::closed) return;
  handler_ = handler;
  // The handshake continues without a handler; after it, nothing is read without one.
  if (state_ == State::open) transport_->set_handler(handler == nullptr ? nullptr : this);
  if (handler == nullptr) return;
  unsent_ = unsent();  // bytes sent while there was no handler are not reported
  if (!early_.empty() || end_heard_ || failure_) loop_.defer(*this);
}

// ---- Out -----------------------------------------------------------------------

std::size_t TlsSocket::write(Bytes bytes) {
  if (state_ == State::closed || ended_ || failure_) return bytes.size();
  const bool one_record = !plain_.empty() && plain_.size() + bytes.size() <= record;
  if (bytes.size() < large_write || one_record) {
    plain_.append(bytes);
    unsent_ += bytes.size();
    if (plain_.size() >= full_queue) encrypt();
    loop_.defer(*this);
    return 0;
  }
  encrypt();
  engine_.write(bytes);
  const std::size_t told = std::exchange(unsent_, unsent_ + bytes.size());
  unsent_ = std::max(told, unsent());  // bytes that were reported as queued are reported as sent only by the event
  return told + bytes.size() - unsent_;
}

std::size_t TlsSocket::queued() const { return unsent(); }

// The part of unsent_ that may still be queued.
std::size_t TlsSocket::unsent() const {
  return std::min(unsent_, plain_.size() + engine_.held() + transport_->queued());
}

void TlsSocket::encrypt() {
  while (!plain_.empty()) {
    const Bytes run = plain_.front();
    engine_.write(run);
    if (failure_) return;  // it has cleared the queue
    plain_.consume(run.size());
  }
}

void TlsSocket::on_turn_end() {
  if (state_ == State::closed) return;
  if (!failure_) encrypt();
  settle_sent();
  tell();
}

void TlsSocket::end() {
  if (state_ == State::closed || std::exchange(ended_, true)) return;
  encrypt();
  engine_.end();
  if (state_ == State::handshaking) return;  // on_tls_ready() ends the transport
  transport_->end();
  if (end_heard_) loop_.defer(*this);
}

void TlsSocket::on_tls_output(Bytes ciphertext) { transport_->write(ciphertext); }

// Reports bytes sent since the last call.
void TlsSocket::settle_sent() {
  const std::size_t gone = unsent_ - unsent();
  unsent_ -= gone;
  if (gone != 0 && handler_ != nullptr) handler_->on_sent(gone);
}

void TlsSocket::on_sent(std::size_t) {
  settle_sent();
  tell();
}

// ---- In ------------------------------------------------------------------------

void TlsSocket::on_data(Bytes ciphertext) {
  if (failure_) return;
  transport_uncredited_ += ciphertext.size();
  engine_.receive(ciphertext);
  if (state_ == State::closed) return;
  settle_credit();
  settle_sent();
  tell();
}

void TlsSocket::on_tls_data(Bytes plaintext) {
  if (state_ == State::closed) return;
  uncredited_ += plaintext.size();
  if (handler_ != nullptr && early_.empty()) {
    handler_->on_data(plaintext);
  } else {
    early_.append(plaintext);
  }
}

void TlsSocket::credit(std::size_t n) {
  if (state_ == State::closed) return;
  assert(n <= uncredited_);
  uncredited_ -= n;
  settle_credit();
}

void TlsSocket::settle_credit() {
  if (state_ == State::closed || transport_uncredited_ <= uncredited_) return;
  transport_->credit(std::exchange(transport_uncredited_, uncredited_) - uncredited_);
}

void TlsSocket::on_tls_end() { end_heard_ = true; }

// ---- The handshake, and the end --------------------------------------------------

void TlsSocket::on_tls_ready() {
  state_ = State::open;
  loop_.runtime().timers.disarm(deadline_);
  if (ended_) transport_->end();
  if (on_ready_) std::exchange(on_ready_, nullptr)();
  if (state_ == State::open && handler_ == nullptr) transport_->set_handler(nullptr);
}

void TlsSocket::on_deadline() { fail({ErrorKind::timeout, "the TLS handshake was not done in time"}); }

void TlsSocket::on_tls_error(const Error& why) { fail(why); }

void TlsSocket::on_end() {
  if (!end_heard_) {
    const bool early = state_ == State::handshaking;
    fail({ErrorKind::closed, early ? "connection closed in the TLS handshake" : "connection cut without close_notify"});
  }
  tell();
}

void TlsSocket::on_closed(const Error& why) {
  fail(why ? why : Error{ErrorKind::closed, "connection closed"});
  tell();
}

// Only the first failure counts. The engine's alert, if any, is sent before the failure is reported.
void TlsSocket::fail(const Error& why) {
  if (failure_ || state_ == State::closed) return;
  failure_ = why;
  plain_.clear();
  transport_->end();
  loop_.defer(*this);
}

// Reports pending events to the handler, in order: early bytes, the peer's end, the close.
void TlsSocket::tell() {
  if (handler_ == nullptr || state_ == State::closed || !tell_early()) return;
  if (end_heard_ && !std::exchange(end_told_, true)) {
    handler_->on_end();
    if (handler_ == nullptr) return;
  }
  const bool both_ended = ended_ && end_told_ && transport_->queued() == 0 && engine_.held() == 0;
  if (!both_ended && !failure_) return;
  state_ = State::closed;
  loop_.runtime().timers.disarm(deadline_);
  transport_->set_handler(nullptr);
  std::exchange(handler_, nullptr)->on_closed(both_ended ? Error{} : failure_);
}

// Returns whether the handler still listens and has all early bytes.
bool TlsSocket::tell_early() {
  while (handler_ != nullptr && !early_.empty()) {
    const Bytes run = early_.front();
    handler_->on_data(run);
    early_.consume(run.size());
  }
  return handler_ != nullptr;
}

void TlsSocket::reset(ErrorKind why) {
  if (state_ == State::closed) return;
  state_ = State::closed;
  handler_ = nullptr;
  plain_.clear();
  loop_.runtime().timers.disarm(deadline_);
  transport_->reset(why);
}

}  // namespace tenfold
