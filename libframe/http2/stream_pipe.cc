#include "http2/stream_pipe.h"

#include <utility>

#include "http2/stream.h"

namespace tenfold::http2 {

StreamPipe::~StreamPipe() { reset(ErrorKind::cancelled); }

void StreamPipe::set_handler(Duplex::Handler* handler) {
  handler_ = handler;
  if (stream_ != nullptr) stream_->set_handler(handler == nullptr ? nullptr : this);
}

std::size_t StreamPipe::write(Bytes bytes) { return stream_ == nullptr ? bytes.size() : stream_->write(bytes); }

std::size_t StreamPipe::queued() const { return stream_ == nullptr ? 0 : stream_->queued(); }

void StreamPipe::end() {
  if (stream_ != nullptr) stream_->finish_output();
}

// RFC 8441 5: "RST exceptions are represented with the RST_STREAM frame [...] with the CANCEL error code."
void StreamPipe::reset(ErrorKind) {
  handler_ = nullptr;
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->cut(H2Code::cancel);
}

void StreamPipe::credit(std::size_t n) {
  if (stream_ != nullptr) stream_->credit(n);
}

void StreamPipe::on_body(Bytes bytes) { handler_->on_data(bytes); }

void StreamPipe::on_body_end(const http::Fields&) { handler_->on_end(); }

void StreamPipe::on_sent(std::size_t n) { handler_->on_sent(n); }

void StreamPipe::on_gone(const http::Gone& gone) {
  stream_ = nullptr;
  if (handler_ != nullptr) std::exchange(handler_, nullptr)->on_closed(gone.why);
}

}  // namespace tenfold::http2
