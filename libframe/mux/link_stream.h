// LinkStream: one stream of a link, a Duplex. END_STREAM is its FIN, RST_STREAM its
// reset: CANCEL (cancelled), REFUSED_STREAM (refused), CONNECT_ERROR (anything else).
#pragma once

#include "duplex.h"
#include "mux/link.h"

namespace tenfold {

class LinkStream final : public Duplex {
 public:
  ~LinkStream() override;

  void set_handler(Handler* handler) override;
  std::size_t write(Bytes bytes) override;
  std::size_t queued() const override;
  void end() override;
  void reset(ErrorKind why) override;
  void credit(std::size_t n) override;

  // Agent only, once, before any write(): `:status 200`, the local dial worked.
  void accept();
  // Agent only, instead: 502 (504 for timeout) with `tenfold-cause` and END_STREAM. The broker's
  // stream hears on_closed() of that kind: refused, timeout, dns or tls.
  void refuse(ErrorKind cause);

  // What the opener asked for; empty on the broker's side.
  std::string_view name() const;
  std::string_view peer() const;

  std::int32_t id() const;

 private:
  friend class Link;
  // IMPLEMENTATION
};

}  // namespace tenfold
