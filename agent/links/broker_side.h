// BrokerSide: the state shared by all parts that talk to one broker.
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
  std::shared_ptr<TlsContext> tls;  // for an https broker
  std::string token;
  std::string instance{};        // instance.h
  bool allow_remote_ip = false;  // a classic server may send the pool to another address than its own
  bool said_remote_ip = false;   // ... and a message about it was shown

  DialTo to() const {
    return {.address = broker.address, .tls = tls, .tls_name = broker.address.host, .deadline = rules::dial_time};
  }
  HandshakeRequest request_for(const Tunnel& tunnel) const {
    return {.host = authority(broker),
            .name = tunnel.asked_name(),
            .token = token,
            .resume_token = {},
            .instance = instance};
  }
};

// The reason in an answer that grants nothing, for people.
inline std::string reason(const HandshakeAnswer& answer) {
  if (!answer.json.message.empty()) return answer.json.message;
  return "it answered " + std::to_string(answer.answer.status);
}

// Whether the name is the reason of the refusal.
inline bool is_about_name(const HandshakeAnswer& answer) {
  return answer.answer.status == 409 || answer.json.code == "bad-name";
}

}  // namespace tenfold
