// NewTunnel: a request for a tunnel on the broker's own domain, up to its grant: it is admitted, its name is claimed,
// and its port is opened (classic) or its connection is handed over (a link).
//
//   new_tunnel.start(name, link);
//   on_new_tunnel_reply(reply)    // the answer: a classic grant, or a refusal
//   on_new_tunnel_link(grant)     // answer 101: the connection becomes the link
//
// Exactly one of the two comes, from inside start() or later. Owned by the request's assignment; destroying it cancels.
#pragma once

#include <string>
#include <string_view>

#include "base/runtime.h"
#include "broker/admission/admission.h"
#include "broker/desk/own_site.h"
#include "broker/desk/reply.h"
#include "broker/tunnels/grant.h"
#include "broker/tunnels/name_choice.h"
#include "broker/tunnels/registry.h"
#include "broker/tunnels/resume_token.h"
#include "mux/registration.h"

namespace tenfold::broker {

// The collaborators of new tunnels; they outlive them.
struct TunnelMakers {
  Runtime& runtime;
  const OwnSite& own_site;
  Registry& registry;
  Admission& admission;
  const ResumeTokens& resume_tokens;
  ClassicDoor& classic;
};

class NewTunnel final : private Registry::ClaimCall {
 public:
  class Owner {
   public:
    // Bury the new tunnel after either event.
    virtual void on_new_tunnel_reply(const Reply& reply) = 0;
    virtual void on_new_tunnel_link(LinkGrant grant) = 0;

   protected:
    ~Owner() = default;
  };

  // The views in `request` outlive it.
  NewTunnel(const TunnelMakers& makers, const OwnRequest& request, Owner& owner);

  void start(std::string_view name, bool link);

 private:
  // Whose token it is, and the name that may be had with it.
  handshake::Refusal identify(std::string& detail);
  NameChoice choose(std::string_view name) const;
  // Whether the client may have one more tunnel, and whose it is.
  handshake::Refusal admit(const Registration& asked);
  void claim(std::string_view name);
  void on_claimed(const Claim& claim) override;
  void on_claim_failed(handshake::Refusal why) override;
  Reply classic_grant(const Claim& claim);
  Reply no_port(const Claim& claim, const Error& why);
  // The handshake's registration, if present. Errors name what is wrong with it.
  Result<Registration> read_registration() const;
  void refund();
  void reply(Reply reply);

  const TunnelMakers& makers_;
  const OwnRequest request_;
  Owner& owner_;
  std::string name_;  // the requested name
  bool link_ = false;
  std::shared_ptr<const VisitorPolicy> policy_;
  std::string token_name_;  // of the operator's token that was shown; empty: none
  Claimant who_;
  bool charged_ = false;  // the attempt was admitted, and no tunnel has come of it
  bool started_over_ = false;
};

}  // namespace tenfold::broker
