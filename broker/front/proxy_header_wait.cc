#include "broker/front/proxy_header_wait.h"

#include <utility>

#include "base/limits.h"
#include "broker/rules.h"

namespace tenfold::broker {

ProxyHeaderWait::ProxyHeaderWait(Runtime& runtime, Owner& owner, std::unique_ptr<TcpSocket> socket)
    : runtime_(runtime), owner_(owner), socket_(std::move(socket)) {
  runtime_.timers.arm_in(deadline_, rules::proxy_header_time);
  // A socket reads as far ahead of the credit as its window is wide: so it stops where the header may end.
  socket_->set_window(read_proxy_header({}).size);
  socket_->set_handler(this);
}

ProxyHeaderWait::~ProxyHeaderWait() { runtime_.timers.disarm(deadline_); }

void ProxyHeaderWait::on_data(Bytes bytes) {
  so_far_ += to_text(bytes);
  const ProxyHeader header = read_proxy_header(to_bytes(so_far_));
  switch (header.state) {
    case ProxyHeader::State::more: return socket_->set_window(header.size);
    case ProxyHeader::State::refused: return fail(header.reason);
    case ProxyHeader::State::whole: break;
  }
  runtime_.timers.disarm(deadline_);
  socket_->set_handler(nullptr);
  socket_->credit(so_far_.size());
  socket_->set_window(limits::buffered_high);
  owner_.on_proxy_header(*this, header.source);
}

void ProxyHeaderWait::on_end() { fail(so_far_.empty() ? "" : "cut"); }

void ProxyHeaderWait::on_closed(const Error&) { fail(so_far_.empty() ? "" : "cut"); }

void ProxyHeaderWait::on_deadline() { fail("time"); }

void ProxyHeaderWait::fail(std::string_view why) {
  runtime_.timers.disarm(deadline_);
  socket_->reset(ErrorKind::protocol);
  owner_.on_proxy_header_missing(*this, why);
}

}  // namespace tenfold::broker
