// Desk: decides who answers a request: the broker's own site, a tunnel, or the broker with a refusal. The decision may
// come later; meanwhile the stream waits with its body paused.
//
//   desk.assign(stream, visit);              // a request; the stream is the desk's from here
//   desk.refuse(stream, visit, fault, …);    // a request that cannot be served
//
// Independent of the stream's HTTP version.
//
// Owned by the broker; outlives every connection that passes streams to it. close() comes after the end of the
// connections and before that of the links: upgraded requests borrow streams of links.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/runtime.h"
#include "broker/admission/password_check.h"
#include "broker/admission/proxy_list.h"
#include "broker/desk/assignment.h"
#include "broker/desk/metrics.h"
#include "broker/desk/new_tunnel.h"
#include "broker/desk/own_site.h"
#include "broker/desk/request_ids.h"
#include "broker/desk/request_log.h"
#include "broker/desk/router.h"
#include "broker/desk/visit.h"
#include "broker/tunnels/grant.h"
#include "http/date_text.h"
#include "http1/head_buffers.h"

namespace tenfold::broker {

// The desk's collaborators; they outlive it.
struct DeskSide {
  Runtime& runtime;
  http1::HeadBuffers& head_buffers;
  const Router& router;
  Registry& registry;
  const OwnSite& own_site;
  const TunnelMakers& makers;
  LinkOpener& links;
  const ProxyList& proxies;
  RequestIds& request_ids;
  PasswordCheck& passwords;
  Metrics& metrics;
  TimePoint warm_at{};              // until then agents may still be reconnecting, and an unknown name is 503
  AccessLog* access_log = nullptr;  // null: none
};

class Desk {
 public:
  explicit Desk(const DeskSide& side) : side_(side) {}
  ~Desk();

  void assign(http::ServerStream& stream, Visit& visit) { take().assign(stream, visit); }
  void refuse(http::ServerStream& stream, Visit& visit, const http::Fault& fault, http::Limit limit) {
    take().refuse(stream, visit, fault, limit);
  }

  // Ends the requests that run through the tunnels of that name; returns their number.
  std::size_t end_requests_of(std::string_view name);

  // Requests that run now.
  std::size_t running() const { return running_; }

  // Ends upgraded connections in order, both directions; returns their number.
  std::size_t end_upgraded();

  // Ends all requests without an answer.
  void close();

  const DeskSide& side() const { return side_; }

 private:
  friend class Assignment;
  Assignment& take();
  void put_back(Assignment& assignment);
  std::string_view date() { return dates_.now(); }

  const DeskSide& side_;
  http::DateText dates_;
  // The first `running_` are in use, in no order; the rest are kept for later requests.
  std::vector<std::unique_ptr<Assignment>> assignments_;
  std::size_t running_ = 0;
};

}  // namespace tenfold::broker
