// StreamPipe: an upgraded stream (RFC 8441) as a Duplex. END_STREAM is its FIN, RST_STREAM its reset. It may outlive
// its connection: it then gets on_closed() and stays inert.
//
// Made by Stream::upgrade(), owned by its caller; the stream beneath belongs to the connection.
#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "base/error.h"
#include "duplex.h"
#include "http/server_stream.h"

namespace tenfold::http2 {

class Stream;

class StreamPipe final : public Duplex, private http::ServerStream::Handler {
 public:
  explicit StreamPipe(Stream& stream) : stream_(&stream) {}
  ~StreamPipe() override;

  void set_handler(Duplex::Handler* handler) override;
  std::size_t write(Bytes bytes) override;
  std::size_t queued() const override;
  void end() override;
  void reset(ErrorKind why) override;
  void credit(std::size_t n) override;

  // Gets the stream's end even while paused.
  http::ServerStream::Handler* as_handler() { return this; }

 private:
  void on_body(Bytes bytes) override;
  void on_body_end(const http::Fields& trailers) override;
  void on_sent(std::size_t n) override;
  void on_gone(const http::Gone& gone) override;

  Stream* stream_;  // null: over
  Duplex::Handler* handler_ = nullptr;
};

}  // namespace tenfold::http2
