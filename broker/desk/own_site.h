// OwnSite: what the broker answers on its own domain: new tunnels, classic and upgraded, and
// how it does. Fixed by docs/CLASSIC.md and docs/PROTOCOL.md.
//
//   GET /?new               a tunnel with a random name
//   GET /NAME               a tunnel with that name
//     ... with Upgrade: tenfold/1         this connection becomes its link
//     ... with the offer of it, but no Upgrade   426: something on the way takes the Upgrade away
//   GET /                   the landing page
//
// A browser that goes somewhere, a page that loads something from here, and words that monitors and crawlers ask for
// make no classic tunnel: 404.
//   GET /api/status         how many tunnels, how much memory
//   GET /api/tunnels/ID/status
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "broker/admission/admission.h"
#include "broker/desk/reply.h"
#include "broker/desk/router.h"
#include "broker/tunnels/grant.h"
#include "broker/tunnels/tunnel_registry.h"
#include "http/head.h"

namespace tenfold::broker {

// A request to the broker itself. Views, good during answer().
struct OwnRequest {
  const http::RequestHead& head;
  std::string_view host;    // its Host field
  std::string_view scheme;  // "http" or "https", as the visitor sees it
  std::string_view client_ip;
  std::string_view request_id;
};

struct OwnSiteOptions {
  std::string public_url;  // "https://tunnel.example" or empty: the request's scheme and Host
  std::string landing;     // empty: a line of text instead of a redirect
  bool classic = true;
  std::string classic_address;  // the JSON's `ip`; empty: left out
};

class OwnSite {
 public:
  using Answer = std::variant<Reply, LinkGrant>;

  OwnSite(Runtime& runtime, const OwnSiteOptions& options, const Router& router, TunnelRegistry& registry,
          Admission& admission, ClassicDoor& classic)
      : runtime_(runtime),
        options_(options),
        router_(router),
        registry_(registry),
        admission_(admission),
        classic_(classic) {}

  Answer answer(const OwnRequest& request);

  // The answer to a request whose Host is neither the broker's domain nor below it.
  Reply wrong_host(const OwnRequest& request) const;

  // What a tunnel of that name is called from outside.
  std::string tunnel_url(std::string_view name, std::string_view scheme, std::string_view host) const;

  // No new tunnel from now on: 503 `draining`.
  void drain() { draining_ = true; }

 private:
  Answer answer_path(const OwnRequest& request, std::string_view path, std::string_view query);
  Answer new_tunnel(const OwnRequest& request, std::string_view name);
  Answer new_link(const OwnRequest& request, std::string_view name);
  Reply new_classic(const OwnRequest& request, std::string_view name);
  Admission::Verdict admit(const OwnRequest& request, Admission::For what);
  Reply no_port(const Claim& claim, const Error& why);
  Reply status() const;
  Reply tunnel_status(std::string_view name) const;
  Reply landing() const;

  Runtime& runtime_;
  const OwnSiteOptions options_;
  const Router& router_;
  TunnelRegistry& registry_;
  Admission& admission_;
  ClassicDoor& classic_;
  bool draining_ = false;
};

}  // namespace tenfold::broker
