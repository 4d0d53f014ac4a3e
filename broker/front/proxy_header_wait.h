// ProxyHeaderWait: a connection of a listed balancer, from accept to the end of its PROXY header. It reads the header
// and not a byte more, so that the socket goes on to TLS or HTTP as if it had just been accepted.
//
//   ProxyHeaderWait wait(runtime, owner, std::move(socket));
//   on_proxy_header(wait, source)        -> wait.take_socket()
//   on_proxy_header_missing(wait, why)   -> bury it; the connection is reset
//
// One of the two events comes, once, within rules::proxy_header_time.
//
// Owned by the front door; on the loop's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/runtime.h"
#include "broker/front/proxy_header.h"
#include "io/tcp_socket.h"

namespace tenfold::broker {

class ProxyHeaderWait final : private Duplex::Handler {
 public:
  class Owner {
   public:
    // `source`: the peer that the header names, if it names one.
    virtual void on_proxy_header(ProxyHeaderWait& wait, const std::optional<Address>& source) = 0;
    // `why`: a few words; empty when the balancer left without a byte, as one that tests a port does.
    virtual void on_proxy_header_missing(ProxyHeaderWait& wait, std::string_view why) = 0;

   protected:
    ~Owner() = default;
  };

  // `runtime` and `owner` outlive it.
  ProxyHeaderWait(Runtime& runtime, Owner& owner, std::unique_ptr<TcpSocket> socket);
  ~ProxyHeaderWait();

  const Address& peer() const { return socket_->peer(); }  // the balancer; until take_socket()
  // From inside on_proxy_header().
  std::unique_ptr<TcpSocket> take_socket() { return std::move(socket_); }

 private:
  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t) override {}
  void on_closed(const Error& why) override;
  void on_deadline();

  void fail(std::string_view why);

  Runtime& runtime_;
  Owner& owner_;
  std::unique_ptr<TcpSocket> socket_;
  std::string so_far_;  // at most rules::proxy_header_bytes
  MemberTimer<ProxyHeaderWait, &ProxyHeaderWait::on_deadline> deadline_{*this};
};

}  // namespace tenfold::broker
