// What every visitor's connection shares: made once by the broker, borrowed by all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/runtime.h"
#include "broker/admission/proxy_list.h"
#include "broker/desk/reply.h"
#include "broker/desk/router.h"
#include "broker/tunnels/tunnel_registry.h"
#include "http/date_text.h"
#include "http/patience.h"
#include "http1/head_buffers.h"

namespace tenfold::broker {

class OwnSite;

// Names a request in answers and logs: 16 letters, never twice in the life of a broker.
class RequestIds {
 public:
  RequestIds();
  // Good until the next call.
  std::string_view next();
  // Of this process, in every id: tells this broker from others, good as long as this object.
  std::string_view broker_id() const { return std::string_view(id_).substr(0, prefix_size); }

 private:
  static constexpr std::size_t prefix_size = 8;
  std::string id_;  // a prefix of this process's own, then a count
  std::uint32_t count_ = 0;
};

struct PublicSide {
  Runtime& runtime;
  const Router& router;
  TunnelRegistry& registry;
  OwnSite& own_site;
  const ProxyList& proxies;
  RequestIds& request_ids;
  http::Patience patience{};
  Duration keep_alive_proxy = limits::keep_alive_idle_proxy;
  TimePoint warm_at{};  // until then agents are still on their way back, and an unknown name is 503
  http1::HeadBuffers head_buffers{};
  std::string head{};    // scratch, for one on its way to a visitor
  std::string target{};  // scratch, for a target that is not a part of the one that came
  http::DateText dates{};
};

}  // namespace tenfold::broker
