// OwnSite: what the broker answers on its own domain: whether a request asks for a new tunnel, and of which kind, and a
// few pages. Specified by docs/CLASSIC.md and docs/PROTOCOL.md.
//
//   GET /?new               a tunnel with a random name
//   GET /NAME               a tunnel with that name
//   GET /SECRET/…, …?token=SECRET      either, with a token: shown_token.h
//     ... with Upgrade: tenfold/1         this connection becomes its link
//     ... with the offer of it, but no Upgrade   426: a proxy on the way removes the Upgrade
//   GET /                   the landing page
//   GET /api/status         how many tunnels, how much memory
//   GET /api/tunnels/ID/status
//
// A navigating browser, a page that loads something from here, and names that monitors and crawlers request make no
// classic tunnel: 404.
//
// It decides and writes answers; new_tunnel.h makes the tunnels.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "broker/desk/reply.h"
#include "broker/desk/router.h"
#include "broker/tunnels/registry.h"
#include "http/head.h"
#include "mux/handshake.h"

namespace tenfold::broker {

// A request to the broker itself. The views are valid until its stream ends.
struct OwnRequest {
  const http::RequestHead& head;
  http::BodySize body;
  std::string_view scheme;  // "http" or "https", as the visitor sees it
  std::string_view client_ip;
  std::string_view request_id;
};

struct OwnSiteOptions {
  std::string public_url;  // "https://tunnel.example" or empty: the request's scheme and Host
  std::string landing;     // empty: a line of text instead of a redirect
  bool classic = true;
  std::string classic_address;         // the JSON's `ip`; empty: left out
  bool classic_without_token = false;  // a classic client needs no token where others do
};

// The result for a request that needs a tunnel before it can be answered.
struct WantsTunnel {
  std::string_view name;  // empty: a random one
  bool link;              // the connection is to become a link
};
struct WantsTunnelStatus {
  std::string_view name;
};

class OwnSite {
 public:
  using Answer = std::variant<Reply, WantsTunnel, WantsTunnelStatus>;

  OwnSite(const OwnSiteOptions& options, const Router& router, Registry& registry)
      : options_(options), router_(router), registry_(registry) {}

  Answer answer(const OwnRequest& request) const;

  // The answer to WantsTunnelStatus.
  Reply tunnel_status(const NameTable::Found& found) const;

  // The answer to a request whose Host is neither the broker's domain nor below it.
  Reply wrong_host(const OwnRequest& request) const;

  // The public URL of a tunnel with that name; `host`: the Host field of the request.
  std::string tunnel_url(std::string_view name, std::string_view scheme, std::string_view host) const;

  const OwnSiteOptions& options() const { return options_; }

  // Refuses new tunnels from now on: 503 `draining`.
  void drain() { draining_ = true; }

 private:
  Answer answer_new_tunnel(const OwnRequest& request, std::string_view name) const;
  Reply status() const;
  Reply landing() const;

  const OwnSiteOptions options_;
  const Router& router_;
  Registry& registry_;
  bool draining_ = false;
};

// A refusal of the handshake, as JSON. `name`: the requested one; `detail`: what was wrong, appended to the text.
Reply handshake_refusal(handshake::Refusal refusal, std::string_view name = {}, std::string_view detail = {});

// Caches must not reuse the answer: a grant is for one client, and a refusal may be temporary.
void never_cache(Reply& reply);

}  // namespace tenfold::broker
