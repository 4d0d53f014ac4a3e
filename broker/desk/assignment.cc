#include "broker/desk/assignment.h"

#include <utility>

#include "broker/admission/client_address.h"
#include "broker/app/forwarded_head.h"
#include "broker/desk/desk.h"
#include "broker/desk/request_log.h"
#include "mux/handshake.h"

namespace tenfold::broker {

Assignment::Assignment(Desk& desk, std::size_t at)
    : place(at),
      desk_(desk),
      app_request_(desk.side().runtime, desk.side().head_buffers, static_cast<AppRequest::Owner&>(*this)) {}

Assignment::~Assignment() = default;

void Assignment::begin(http::ServerStream& stream, Visit& visit) {
  stream_ = &stream;
  visit_ = &visit;
  std::string_view id = desk_.side().request_ids.next();
  if (visit.from_proxy()) {
    if (const std::string_view claimed = claimed_request_id(stream.head().fields); !claimed.empty()) id = claimed;
  }
  record_.begin(desk_.side().runtime.now(), id, visit.address());
  if (desk_.side().access_log != nullptr) record_.keep_request(stream.head());
}

void Assignment::assign(http::ServerStream& stream, Visit& visit) {
  const http::RequestHead& head = stream.head();
  begin(stream, visit);
  stream.set_handler(this);
  desk_.side().router.route(head.authority, route_);
  switch (route_.to) {
    case Route::To::tunnel: record_.tunnel = route_.name; return look_up(route_.name, false);
    case Route::To::own_site: return ask_own_site();
    case Route::To::nowhere: {
      const OwnRequest request{head, stream.body(), visit.scheme(), visit.ip(), record_.request_id};
      return answer(desk_.side().own_site.wrong_host(request), Outcome::own);
    }
  }
}

void Assignment::refuse(http::ServerStream& stream, Visit& visit, const http::Fault& fault, http::Limit limit) {
  begin(stream, visit);
  record_.limit = limit;
  if (fault.status == 503) return fail({ErrorKind::closed, fault.reason, Origin::broker});
  record_.reason = fault.reason;
  answer(fault_reply(fault, stream.head(), record_.request_id), Outcome::rejected);
}

// ---- The broker's own site ------------------------------------------------------------

void Assignment::ask_own_site() {
  const DeskSide& side = desk_.side();
  const http::RequestHead& head = stream_->head();
  client_ip_ = side.proxies.client_ip(visit_->ip(), head.fields);
  const OwnRequest request{head, stream_->body(), side.proxies.scheme(visit_->ip(), head.fields, visit_->scheme()),
                           client_ip_, record_.request_id};
  OwnSite::Answer found = side.own_site.answer(request);
  if (const auto* reply = std::get_if<Reply>(&found)) return answer(*reply, Outcome::own);
  if (const auto* status = std::get_if<WantsTunnelStatus>(&found)) return look_up(status->name, true);
  const auto& wanted = std::get<WantsTunnel>(found);
  NewTunnel::Owner& owner = *this;
  new_tunnel_ = std::make_unique<NewTunnel>(side.makers, request, owner);
  new_tunnel_->start(wanted.name, wanted.link);
}

void Assignment::on_new_tunnel_reply(const Reply& reply) {
  desk_.side().runtime.graveyard.bury(std::move(new_tunnel_));
  answer(reply, Outcome::own);
}

void Assignment::on_new_tunnel_link(LinkGrant grant) {
  desk_.side().runtime.graveyard.bury(std::move(new_tunnel_));
  visit_->tune_for_link();
  const std::shared_ptr<Visit> visit = visit_->shared_from_this();  // its connection leaves its owner
  http::ResponseHead head;
  head.status = 101;
  head.fields = {{"Upgrade", handshake::upgrade_token}};
  record_.status = head.status;
  http::Upgraded link = std::exchange(stream_, nullptr)->upgrade(head);
  if (link.ended) {
    // A link that cannot be answered on is none: the name stays whose it was.
    desk_.side().registry.give_up(grant.claim);
    link.pipe->reset(ErrorKind::closed);
    desk_.side().runtime.graveyard.bury(std::move(link.pipe));
    return finish(Outcome::left);
  }
  desk_.side().links.open_link(std::move(link.pipe), std::move(grant), record_.peer, to_bytes(link.early));
  finish(Outcome::linked);
}

// ---- A tunnel -------------------------------------------------------------------------

void Assignment::look_up(std::string_view name, bool for_status) {
  for_status_ = for_status;
  Registry::Lookup& lookup = *this;
  if (auto found = desk_.side().registry.find(name, lookup)) on_found(*std::move(found));
}

void Assignment::on_found(NameTable::Found found) {
  if (for_status_) return answer(desk_.side().own_site.tunnel_status(found), Outcome::own);
  to_tunnel(std::move(found));
}

void Assignment::on_registry_away() {
  fail({ErrorKind::silent, "no answer from the registry in time", Origin::registry});
}

void Assignment::to_tunnel(NameTable::Found found) {
  const DeskSide& side = desk_.side();
  const http::RequestHead& head = stream_->head();
  if (found.state == NameTable::State::unknown) {
    if (side.runtime.now() < side.warm_at) return fail({ErrorKind::absent, "no agent has the name yet", Origin::agent});
    return fail({ErrorKind::absent, "no agent has the name", Origin::registry});
  }
  if (ends_here(head)) return answer(last_hop_reply(head), Outcome::own);
  if (found.state == NameTable::State::away) {
    return fail({ErrorKind::closed, "no agent has the name now", Origin::agent});
  }
  if (came_round_again(head.fields, route_.name, side.request_ids.broker_id())) {
    return fail({ErrorKind::loop, {}, Origin::visitor});
  }
  client_ip_.assign(as_ip(visit_->ip()));
  if (visit_->from_proxy()) {
    client_ip_ = side.proxies.client_ip(visit_->ip(), head.fields);
    record_.client = client_ip_;
  }
  tunnel_ = std::move(found.tunnel);
  own_login_ = false;
  if (found.policy == nullptr) return ask_app();
  if (!found.policy->lets_in(client_ip_)) {
    return fail({ErrorKind::denied, "the tunnel's rules do not let " + client_ip_ + " in", Origin::visitor});
  }
  if (found.policy->wants_login()) return check_login(*found.policy);
  ask_app();
}

void Assignment::check_login(const VisitorPolicy& policy) {
  const std::optional<Credentials> shown = basic_credentials(stream_->head().fields);
  if (!shown) return on_password(PasswordCheck::Verdict::wrong);
  // An unknown name takes as long as a wrong password.
  static const VisitorLogin nobody{"", "salt", "none"};
  const VisitorLogin* login = policy.login_of(shown->user);
  PasswordCheck::Call& call = *this;
  const auto known = desk_.side().passwords.ask(login == nullptr ? nobody : *login, shown->password, call);
  if (known) on_password(*known);
}

void Assignment::on_password(PasswordCheck::Verdict verdict) {
  switch (verdict) {
    case PasswordCheck::Verdict::right: own_login_ = true; return ask_app();
    case PasswordCheck::Verdict::wrong:
      return fail({ErrorKind::unauthorized, "no right name and password", Origin::visitor});
    case PasswordCheck::Verdict::busy:
      return fail({ErrorKind::limit, "too many passwords are being checked", Origin::broker});
  }
}

void Assignment::ask_app() {
  const DeskSide& side = desk_.side();
  app_request_.start(std::move(tunnel_), *stream_,
                     {stream_->head(), stream_->body(), visit_->ip(), client_ip_, visit_->scheme(), record_.request_id,
                      visit_->from_proxy(), side.request_ids.broker_id(), own_login_},
                     visit_->patience(), record_);
}

bool Assignment::end_of_tunnel(std::string_view name) {
  if (record_.tunnel != name || !app_request_.running()) return false;
  app_request_.end_by_operator();
  return true;
}

void Assignment::on_app_request_upgrading() {
  // The connection leaves its owner, and the stream ends.
  upgraded_visit_ = visit_->shared_from_this();
  stream_ = nullptr;
}

void Assignment::on_app_request_over(AppRequest::Ending ending, const Error& why, http::Limit limit) {
  record_.limit = limit;
  switch (ending) {
    case AppRequest::Ending::answered:
      stream_ = nullptr;
      if (record_.why) return finish(Outcome::failed);  // reported by the agent
      return finish(upgraded_visit_ != nullptr ? Outcome::upgraded : Outcome::served);
    case AppRequest::Ending::failed: return fail(why);
    case AppRequest::Ending::stands: {
      const std::shared_ptr<Visit> visit = visit_->shared_from_this();  // the connection closes
      std::exchange(stream_, nullptr)->reset();
      record_.why = why;
      return finish(Outcome::left);
    }
    case AppRequest::Ending::gone: return on_gone({why, limit});
  }
}

// ---- The end --------------------------------------------------------------------------

void Assignment::on_gone(const http::Gone& gone) {
  const bool answered = stream_->answered();
  stream_ = nullptr;
  Lookup::cancel();
  Call::cancel();
  tunnel_ = nullptr;
  if (new_tunnel_ != nullptr) desk_.side().runtime.graveyard.bury(std::move(new_tunnel_));
  record_.why = gone.why;
  record_.limit = gone.limit;
  // A request that broke the protocol, or is unanswered when the server ends, is refused next and recorded then, unless
  // its answer has begun.
  const bool server_ends = gone.why.kind == ErrorKind::closed && gone.why.origin == Origin::broker;
  const bool broke_rules = gone.why.kind == ErrorKind::protocol;
  if ((server_ends || broke_rules) && !answered) return leave();
  if (!broke_rules) return finish(Outcome::left);
  record_.reason = record_.why.detail;
  finish(Outcome::rejected);
}

void Assignment::on_body(Bytes) {}
void Assignment::on_body_end(const http::Fields&) {}
void Assignment::on_sent(std::size_t) {}

void Assignment::fail(const Error& why) {
  record_.why = why;
  tunnel_ = nullptr;
  if (!stream_->answered()) return answer(failure_reply(why, stream_->head(), record_.request_id), Outcome::failed);
  const std::shared_ptr<Visit> visit = visit_->shared_from_this();  // the connection may close
  // "After the head has gone out, a failure is a visible cut, never a clean end."
  std::exchange(stream_, nullptr)->abort();
  finish(Outcome::failed);
}

void Assignment::answer(const Reply& reply, Outcome outcome) {
  record_.status = reply.status;
  if (reply.refusal != handshake::Refusal::none) desk_.side().makers.admission.refusals().add(reply.refusal);
  record_.body_out = stream_->head().method == "HEAD" ? 0 : reply.body.size();
  send_reply(reply, desk_.date(), *std::exchange(stream_, nullptr));
  finish(outcome);
}

// Every request ends here.
void Assignment::finish(Outcome outcome) {
  record_.outcome = outcome;
  record_.ended = desk_.side().runtime.now();
  desk_.side().metrics.add(record_);
  log_request(desk_.side().runtime.log, record_);
  if (AccessLog* access_log = desk_.side().access_log) access_log->add(record_);
  leave();
}

void Assignment::leave() {
  desk_.put_back(*this);
  visit_ = nullptr;
  upgraded_visit_ = nullptr;
}

}  // namespace tenfold::broker
