#include "broker/link/link_session.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "broker/rules.h"
#include "broker/tunnels/name_choice.h"
#include "broker/tunnels/tunnel_name.h"
#include "mux/control_framing.h"
#include "mux/link_stream.h"
#include "mux/registration.h"

namespace tenfold::broker {

LinkSession::LinkSession(const LinkSide& side, Owner& owner, std::unique_ptr<Duplex> connection, LinkGrant grant,
                         std::string address)
    : side_(side),
      owner_(owner),
      grant_(std::move(grant)),
      address_(std::move(address)),
      since_(side.loop.runtime().now()),
      driver_(side.loop, std::move(connection), Link::Role::broker, LinkOptions{}, *this),
      pipes_(side.loop.runtime(), driver_.link()) {}

LinkSession::~LinkSession() {
  for (auto& [name, seat] : seats_) seat.tunnel->leave();
}

void LinkSession::start(Bytes early) {
  side_.loop.runtime().log.info("link-up", {{"name", grant_.claim.name}, {"from", address_}});
  // "Registered for it is the first thing that the agent hears."
  seat(grant_.claim, grant_.who, 0, grant_.policy);
  side_.loop.runtime().timers.arm_in(renewal_, side_.tokens_renewed_every);
  control::ControlMessage message;
  control::Welcome& welcome = *message.mutable_welcome();
  welcome.set_version(1);
  welcome.set_server_id(side_.server_id);
  welcome.set_max_streams(limits::link_streams);
  welcome.set_max_control_bytes(limits::control_message_bytes);
  driver_.link().send(message);
  driver_.start(early);
}

void LinkSession::announce_drain(Duration deadline) {
  control::ControlMessage message;
  message.mutable_drain()->set_deadline_ms(
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(deadline).count()));
  driver_.link().send(message);
}

void LinkSession::drain() {
  // Idle streams go now, or the link would not end before they do.
  on_link_draining();
  driver_.link().drain();
}

std::size_t LinkSession::revoke() {
  const std::size_t ended = seats_.size();
  draining_ = true;
  seatings_.clear();
  while (!seats_.empty()) {
    const std::string name(seats_.begin()->first);
    unseat(name, "revoked");
    tell_unregistered(name, "revoked", "The token of this name is missing, or not valid any more.");
  }
  driver_.link().close();
  return ended;
}

void LinkSession::seat(const Claim& claim, Claimant who, std::uint32_t request_id,
                       std::shared_ptr<const VisitorPolicy> policy) {
  const bool guarded = policy != nullptr;
  LinkTunnel::Owner& owner = *this;
  auto tunnel = std::make_shared<LinkTunnel>(side_.loop.runtime(), claim.name, pipes_, &owner);
  // The tunnel that had the name, on this link or another, leaves its seat and is counted no more.
  side_.registry.attach(claim, tunnel, std::move(policy));
  side_.admission.on_tunnel_up(grant_.client_ip, grant_.token);
  side_.loop.runtime().log.info("tunnel-up", {{"name", claim.name}, {"kind", "mux"}, {"from", address_}});

  control::ControlMessage message;
  control::Registered& registered = *message.mutable_registered();
  registered.set_request_id(request_id);
  registered.set_name(claim.name);
  registered.add_urls(url_of(claim.name));
  registered.set_resume_token(side_.resume_tokens.seal(claim.name, who, claim.generation));
  if (guarded) registered.add_held("policy");
  driver_.link().send(message);
  seats_[claim.name] = Seat{claim, std::move(who), tunnel};
}

void LinkSession::renew_tokens() {
  for (const auto& [name, seat] : seats_) {
    control::ControlMessage message;
    control::Registered& registered = *message.mutable_registered();
    registered.set_name(name);
    registered.add_urls(url_of(name));
    registered.set_resume_token(side_.resume_tokens.seal(name, seat.who, seat.claim.generation));
    driver_.link().send(message);
  }
  side_.loop.runtime().timers.arm_in(renewal_, side_.tokens_renewed_every);
}

// The URL of another name is the first tunnel's with that name in its place.
std::string LinkSession::url_of(std::string_view name) const {
  std::string url = grant_.url;
  url.replace(url.find("://") + 3, grant_.claim.name.size(), name);
  return url;
}

void LinkSession::unseat(const std::string& name, std::string_view cause) {
  const auto found = seats_.find(name);
  if (found == seats_.end()) return;
  const Seat seat = std::move(found->second);
  seats_.erase(found);
  side_.registry.release(seat.claim);
  let_go(seat, cause);
}

// An agent that came back on another link has the name now; this link may be dead, and not found out yet. Another agent
// of the same owner replaces it for good.
void LinkSession::on_link_tunnel_replaced(LinkTunnel& tunnel, bool same_agent) {
  const auto found = seats_.find(tunnel.name());
  if (found == seats_.end() || found->second.tunnel.get() != &tunnel) return;
  const Seat seat = std::move(found->second);
  seats_.erase(found);
  let_go(seat, "replaced");
  if (!same_agent) {
    tell_unregistered(seat.claim.name, "replaced", "Another agent of the same owner has this name now.");
  }
}

void LinkSession::tell_unregistered(const std::string& name, std::string_view code, std::string_view text) {
  control::ControlMessage message;
  control::Unregistered& unregistered = *message.mutable_unregistered();
  unregistered.set_name(name);
  unregistered.set_code(std::string(code));
  unregistered.set_message(std::string(text));
  driver_.link().send(message);
}

void LinkSession::on_link_tunnel_killed(LinkTunnel& tunnel, std::string_view code) {
  const auto found = seats_.find(tunnel.name());
  if (found == seats_.end() || found->second.tunnel.get() != &tunnel) return;
  const std::string name = tunnel.name();
  unseat(name, code);
  tell_unregistered(name, code, "The operator of this server has ended this tunnel.");
}

std::vector<std::string> LinkSession::names() const {
  std::vector<std::string> names;
  for (const auto& [name, seat] : seats_) names.push_back(name);
  return names;
}

void LinkSession::let_go(const Seat& seat, std::string_view cause) {
  seat.tunnel->leave();
  side_.admission.on_tunnel_down(grant_.client_ip, grant_.token);
  side_.loop.runtime().log.info("tunnel-down", {{"name", seat.claim.name}, {"kind", "mux"}, {"cause", cause}});
}

void LinkSession::refuse(std::uint32_t request_id, handshake::Refusal refusal, std::string_view detail) {
  const handshake::RefusalForm form = handshake::form(refusal);
  side_.admission.refusals().add(refusal);
  control::ControlMessage message;
  control::Refused& refused = *message.mutable_refused();
  refused.set_request_id(request_id);
  refused.set_code(std::string(form.code));
  std::string text(form.message);
  if (!detail.empty()) text.append(" (").append(printable(detail)).append(")");
  refused.set_message(std::move(text));
  driver_.link().send(message);
}

class LinkSession::Seating final : private Registry::ClaimCall {
 public:
  Seating(LinkSession& session, std::uint32_t request_id) : session_(session), request_id_(request_id) {}

  void start(const Registration& asked, std::shared_ptr<const VisitorPolicy> policy) {
    name_ = asked.name;
    policy_ = std::move(policy);
    const handshake::Refusal refusal = admit(asked);
    if (refusal != handshake::Refusal::none) return on_claim_failed(refusal);
    Registry::ClaimCall& call = *this;
    session_.side_.registry.claim({name_, who_}, call);
  }

  // An Unregister of a name that is not granted yet ends its tunnel when it is.
  void give_back(std::string_view name) { given_back_ = given_back_ || name == name_; }

 private:
  handshake::Refusal admit(const Registration& asked) {
    if (session_.side_.admission.is_banned(name_)) return handshake::Refusal::banned;
    const std::optional<Claimant> former = session_.side_.resume_tokens.open(asked.resume_token, name_);
    who_ = resume_or(former, session_.grant_.who);
    const bool resumed = who_.resumed();
    // A tunnel that comes back with its token is counted already, and one that this link has takes no further seat.
    const bool has_seat = resumed && session_.seats_.contains(name_);
    if (!has_seat && session_.seats_.size() >= limits::tunnels_per_link) return handshake::Refusal::limit;
    if (resumed) return handshake::Refusal::none;
    const handshake::Refusal refusal = session_.side_.admission.admit(session_.grant_.client_ip, session_.grant_.token);
    charged_ = refusal == handshake::Refusal::none;
    return refusal;
  }

  void on_claimed(const Claim& claim) override {
    if (session_.draining_ || !has_room(claim)) {
      session_.side_.registry.give_up(claim);
      return on_claim_failed(session_.draining_ ? handshake::Refusal::draining : handshake::Refusal::limit);
    }
    session_.seat(claim, std::move(who_), request_id_, policy_);
    if (given_back_) session_.unseat(claim.name, "unregister");
    session_.end_seating(*this);
  }

  void on_claim_failed(handshake::Refusal why) override {
    if (charged_) session_.side_.admission.refund(session_.grant_.client_ip, session_.grant_.token);
    session_.refuse(request_id_, why);
    session_.end_seating(*this);
  }

  // What was asked for in one go was admitted before any of it stood.
  bool has_room(const Claim& claim) const {
    const auto& seats = session_.seats_;
    if (seats.size() >= limits::tunnels_per_link && !seats.contains(claim.name)) return false;
    return !charged_ || session_.side_.admission.has_room(session_.grant_.client_ip, session_.grant_.token);
  }

  LinkSession& session_;
  const std::uint32_t request_id_;
  std::string name_;
  Claimant who_;
  std::shared_ptr<const VisitorPolicy> policy_;
  bool charged_ = false;
  bool given_back_ = false;
};

void LinkSession::on_register(std::uint32_t request_id, Registration asked) {
  using handshake::Refusal;
  if (draining_) return refuse(request_id, Refusal::draining);
  // There were no tokens when the link was made.
  if (grant_.token.empty() && side_.admission.tokens() != nullptr) return refuse(request_id, Refusal::unauthorized);
  if (request_id == 0 || asked.kind != "http") return refuse(request_id, Refusal::bad_request);
  if (!asked.name.empty() && !is_tunnel_name(asked.name)) return refuse(request_id, Refusal::bad_name);
  if (seatings_.size() >= limits::tunnels_per_link) return refuse(request_id, Refusal::limit);
  std::shared_ptr<const VisitorPolicy> policy;
  if (!asked.rules.empty()) {
    Result<VisitorPolicy> read = VisitorPolicy::read(asked.rules);
    if (!read) return refuse(request_id, Refusal::bad_request, read.error().detail);
    policy = std::make_shared<const VisitorPolicy>(*std::move(read));
  }
  NameChoice choice = choose_name(side_.admission.tokens(), grant_.token, {asked.name, asked.kind});
  if (choice.refusal != Refusal::none) return refuse(request_id, choice.refusal, choice.detail);
  asked.name = std::move(choice.name);
  seatings_.push_back(std::make_unique<Seating>(*this, request_id));
  seatings_.back()->start(asked, std::move(policy));
}

// Out of the list, into the graveyard: it is in the middle of its own event.
void LinkSession::end_seating(Seating& seating) {
  const auto found =
      std::find_if(seatings_.begin(), seatings_.end(), [&](const auto& each) { return each.get() == &seating; });
  side_.loop.runtime().graveyard.bury(std::move(*found));
  seatings_.erase(found);
}

void LinkSession::on_control(const control::ControlMessage& message) {
  using control::ControlMessage;
  switch (message.kind_case()) {
    case ControlMessage::kHello:
      agent_ = printable(message.hello().agent_id(), rules::agent_shown);
      side_.loop.runtime().log.info("agent", {{"name", grant_.claim.name}, {"agent", message.hello().agent_id()}});
      break;
    case ControlMessage::kRegister: {
      const control::Register& asked = message.register_();
      on_register(asked.request_id(), read_registration(asked));
      break;
    }
    case ControlMessage::kUnregister:
      unseat(message.unregister().name(), "unregister");
      for (const auto& seating : seatings_) seating->give_back(message.unregister().name());
      break;
    case ControlMessage::kGoodbye:
      draining_ = true;
      seatings_.clear();
      while (!seats_.empty()) unseat(std::string(seats_.begin()->first), "goodbye");
      driver_.link().drain();
      break;
    default: break;  // the link lets only an agent's kinds through
  }
}

void LinkSession::on_link_draining() {
  draining_ = true;
  for (auto& [name, seat] : seats_) seat.tunnel->detach();
}

void LinkSession::on_link_room() { pipes_.serve(); }

void LinkSession::on_link_stream(std::unique_ptr<LinkStream>) {}

void LinkSession::on_link_closed(const Error& why) {
  side_.loop.runtime().log.info(
      "link-down",
      {{"name", grant_.claim.name}, {"from", address_}, {"cause", to_string(why.kind)}, {"detail", why.detail}});
  ended_by_ = why.kind;
  for (auto& [name, seat] : seats_) {
    seat.tunnel->leave();
    side_.registry.hold(seat.claim);
    side_.admission.on_tunnel_down(grant_.client_ip, grant_.token);
  }
  seats_.clear();
  seatings_.clear();
  owner_.on_link_session_closed(*this);
}

}  // namespace tenfold::broker
