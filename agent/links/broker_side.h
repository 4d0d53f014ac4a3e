// BrokerSide: what everything that deals with one broker shares.
#pragma once

#include <memory>
#include <string>

#include "agent/links/backoff.h"
#include "agent/links/handshake_text.h"
#include "agent/links/known_brokers.h"
#include "agent/links/tunnel.h"
#include "agent/rules.h"
#include "agent/screen/status.h"
#include "agent/targets/endpoint.h"
#include "agent/targets/network.h"
#include "base/runtime.h"

namespace tenfold {

struct BrokerSide {
  Runtime& runtime;
  Network& network;
  Status& status;
  KnownBrokers& known;
  Random random;
  Endpoint broker;
  std::shared_ptr<TlsContext> tls;  // of an https broker
  std::string token;
  bool allow_remote_ip = false;  // a classic server may send the pool to another address than its own
  bool said_remote_ip = false;   // ... that it did was said

  DialTo to() const {
    return {.address = broker.address, .tls = tls, .tls_name = broker.address.host, .deadline = rules::dial_time};
  }
  HandshakeRequest request_for(const Tunnel& tunnel) const {
    return {.host = authority(broker), .name = tunnel.asked_name(), .token = token, .resume_token = {}};
  }
};

// What an answer that grants nothing says, for people.
inline std::string reason(const HandshakeAnswer& answer) {
  if (!answer.json.message.empty()) return answer.json.message;
  return "it answered " + std::to_string(answer.answer.status);
}

// The name is why nothing was granted.
inline bool is_about_name(const HandshakeAnswer& answer) {
  return answer.answer.status == 409 || answer.json.code == "bad-name";
}

}  // namespace tenfold
