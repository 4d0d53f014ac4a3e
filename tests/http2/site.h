// The pages of http/site.h on an http2::ServerConnection.
#pragma once

#include <functional>

#include "../http/site.h"
#include "http2/server_connection.h"
#include "http2/websocket_key.h"

namespace tenfold::test {

class Site final : public Pages, public http2::ServerConnection::Owner {
 public:
  Site() {
    accept_key = [](std::string_view key) { return http2::websocket_accept(key); };
  }

  std::function<void(http2::ServerConnection&)> on_closed;

 private:
  void on_request(http::ServerStream& stream) override { serve(stream); }
  void on_fault(http::ServerStream& stream, const http::Fault& fault, http::Limit limit) override {
    refuse(stream, fault, limit);
  }
  void on_connection_closed(http2::ServerConnection& connection) override {
    closed = true;
    if (on_closed) on_closed(connection);
  }
};

}  // namespace tenfold::test
