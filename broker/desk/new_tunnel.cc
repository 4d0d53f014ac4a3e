#include "broker/desk/new_tunnel.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/base64.h"
#include "base/limits.h"
#include "broker/desk/shown_token.h"
#include "broker/rules.h"
#include "broker/tunnels/tunnel_name.h"

namespace tenfold::broker {
namespace {

using handshake::Refusal;
using nlohmann::json;

constexpr std::string_view http_kind = "http";

}  // namespace

NewTunnel::NewTunnel(const TunnelMakers& makers, const OwnRequest& request, Owner& owner)
    : makers_(makers), request_(request), owner_(owner) {}

void NewTunnel::start(std::string_view name, bool link) {
  name_ = name;
  link_ = link;
  if (link && !makers_.admission.take_handshake()) return reply(handshake_refusal(Refusal::busy));
  const Result<Registration> asked = link ? read_registration() : Registration{};
  if (!asked) return reply(handshake_refusal(Refusal::bad_request, name_, asked.error().detail));
  // The registration overrides the path.
  if (!asked->name.empty()) name_ = asked->name;
  if (!name_.empty() && !is_tunnel_name(name_)) return reply(handshake_refusal(Refusal::bad_name));
  if (!asked->rules.empty()) {
    Result<VisitorPolicy> policy = VisitorPolicy::read(asked->rules);
    if (!policy) return reply(handshake_refusal(Refusal::bad_request, name_, policy.error().detail));
    policy_ = std::make_shared<const VisitorPolicy>(*std::move(policy));
  }
  std::string detail;
  if (const Refusal refusal = identify(detail); refusal != Refusal::none) {
    return reply(handshake_refusal(refusal, name_, detail));
  }
  if (const Refusal refusal = admit(*asked); refusal != Refusal::none) return reply(handshake_refusal(refusal, name_));
  claim(name_);
}

Refusal NewTunnel::identify(std::string& detail) {
  const bool may_lack_token = !link_ && makers_.own_site.options().classic_without_token;
  Admission::Identity who = makers_.admission.identify(
      shown_token(request_.head), may_lack_token ? Admission::Need::nothing : Admission::Need::token);
  if (who.refusal != Refusal::none) return who.refusal;
  token_name_ = std::move(who.token);
  NameChoice choice = choose(name_);
  detail = std::move(choice.detail);
  name_ = std::move(choice.name);
  return choice.refusal;
}

// A classic client hears of no refusal of a name: "a taken name silently becomes a random id". With a token it does.
NameChoice NewTunnel::choose(std::string_view name) const {
  return choose_name(makers_.admission.tokens(), token_name_, {name, http_kind, !link_ && token_name_.empty()});
}

Refusal NewTunnel::admit(const Registration& asked) {
  if (makers_.admission.is_banned(name_)) return Refusal::banned;
  std::string token = asked.resume_token;
  const http::Field* resume = http::find(request_.head.fields, handshake::resume_field);
  if (link_ && token.empty() && resume != nullptr) token = decode_base64url(resume->value).value_or(std::string{});
  who_ = resume_or(makers_.resume_tokens.open(token, name_),
                   make_claimant(token_name_, asked.instance, request_.client_ip));
  if (who_.resumed()) return Refusal::none;
  const Refusal refusal = makers_.admission.admit(request_.client_ip, token_name_);
  charged_ = refusal == Refusal::none;
  return refusal;
}

void NewTunnel::claim(std::string_view name) {
  Registry::ClaimCall& call = *this;
  makers_.registry.claim({std::string(name), who_}, call);
}

Result<Registration> NewTunnel::read_registration() const {
  const http::Field* field = http::find(request_.head.fields, handshake::register_field);
  if (field == nullptr) return Registration{};
  if (field->value.size() > rules::registration_text) {
    return Error{ErrorKind::limit, "its Tenfold-Register is longer than 6 KiB"};
  }
  const std::optional<std::string> bytes = decode_base64url(field->value);
  std::optional<Registration> asked = bytes ? parse_registration(*bytes) : std::nullopt;
  if (!asked) return Error{ErrorKind::protocol, "its Tenfold-Register is no Register in base64url"};
  if (!asked->kind.empty() && asked->kind != "http") {
    return Error{ErrorKind::usage, "tunnels of the kind " + printable(asked->kind, 32) + " are not served"};
  }
  return *std::move(asked);
}

void NewTunnel::on_claimed(const Claim& claim) {
  if (charged_ && !makers_.admission.has_room(request_.client_ip, token_name_)) {
    refund();
    makers_.registry.give_up(claim);
    return reply(handshake_refusal(Refusal::limit));
  }
  if (!link_) return reply(classic_grant(claim));
  owner_.on_new_tunnel_link({claim, makers_.own_site.tunnel_url(claim.name, request_.scheme, request_.head.authority),
                             std::move(who_), std::string(request_.client_ip), std::move(token_name_),
                             std::move(policy_)});
}

void NewTunnel::on_claim_failed(Refusal why) {
  if (why == Refusal::name_taken && !link_ && !std::exchange(started_over_, true)) {
    if (const NameChoice other = choose({}); other.refusal == Refusal::none) return claim(other.name);
  }
  refund();
  reply(handshake_refusal(why, name_));
}

Reply NewTunnel::classic_grant(const Claim& claim) {
  const Result<std::uint16_t> port = makers_.classic.open_classic(claim, request_.client_ip, token_name_);
  if (!port) {
    refund();
    makers_.registry.give_up(claim);
    return no_port(claim, port.error());
  }
  const OwnSite& site = makers_.own_site;
  json answer{{"id", claim.name},
              {"port", *port},
              {"max_conn_count", makers_.classic.max_conn()},
              {"url", site.tunnel_url(claim.name, request_.scheme, request_.head.authority)}};
  if (!site.options().classic_address.empty()) answer["ip"] = site.options().classic_address;
  return json_reply(200, answer.dump(-1, ' ', false, json::error_handler_t::replace));
}

// Temporary, and not the client's fault: 503, which no stock client takes for a tunnel.
Reply NewTunnel::no_port(const Claim& claim, const Error& why) {
  makers_.runtime.log.warn("classic-refused", {{"name", claim.name}, {"reason", why.detail}});
  Reply reply =
      json_reply(503, R"({"code":"no-port","message":"This server has no port left for another classic tunnel."})");
  reply.fields.emplace_back("Retry-After", std::to_string(limits::retry_after_s));
  return reply;
}

void NewTunnel::refund() {
  if (std::exchange(charged_, false)) makers_.admission.refund(request_.client_ip, token_name_);
}

void NewTunnel::reply(Reply reply) {
  never_cache(reply);
  owner_.on_new_tunnel_reply(reply);
}

}  // namespace tenfold::broker
