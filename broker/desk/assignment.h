// Assignment: one request at the desk, from its head to its end. It finds out who answers the request, and answers it
// if that is the broker itself. Every request ends here; it owns the request's record.
//
//   idle -> looking -> at the app -> idle
//     |        |------> making a tunnel, checking a password -> …
//     '--------'------> answered by the broker -> idle
//
// While the registry (rules::registry_time at most) or a password's hash is pending, the stream waits with its body
// paused.
//
// Owned by the desk, and reused from request to request.
#pragma once

#include <memory>
#include <string>

#include "broker/admission/password_check.h"
#include "broker/app/app_request.h"
#include "broker/app/request_record.h"
#include "broker/desk/new_tunnel.h"
#include "broker/desk/reply.h"
#include "broker/desk/router.h"
#include "broker/desk/visit.h"
#include "broker/rules.h"
#include "broker/tunnels/registry.h"
#include "http/server_stream.h"

namespace tenfold::broker {

class Desk;

class Assignment final : private http::ServerStream::Handler,
                         private Registry::Lookup,
                         private PasswordCheck::Call,
                         private AppRequest::Owner,
                         private NewTunnel::Owner {
 public:
  Assignment(Desk& desk, std::size_t place);
  ~Assignment();

  // Finds out who answers. The stream and the visit outlive the request.
  void assign(http::ServerStream& stream, Visit& visit);
  // Answers a request that cannot be served.
  void refuse(http::ServerStream& stream, Visit& visit, const http::Fault& fault, http::Limit limit);

  // Ends a request that runs through the tunnel of that name, with 503 or a cut. False: it does not.
  bool end_of_tunnel(std::string_view name);

  bool upgraded() const { return app_request_.upgraded(); }
  void end_upgraded() { app_request_.end_upgraded(); }

  // Its index among the desk's assignments.
  std::size_t place = 0;

 private:
  // http::ServerStream::Handler, until AppRequest takes over.
  void on_body(Bytes bytes) override;
  void on_body_end(const http::Fields& trailers) override;
  void on_sent(std::size_t n) override;
  void on_gone(const http::Gone& gone) override;

  // Registry::Lookup
  void on_found(NameTable::Found found) override;
  void on_registry_away() override;

  // PasswordCheck::Call
  void on_password(PasswordCheck::Verdict verdict) override;

  // AppRequest::Owner
  void on_app_request_over(AppRequest::Ending ending, const Error& why, http::Limit limit) override;
  void on_app_request_upgrading() override;

  // NewTunnel::Owner
  void on_new_tunnel_reply(const Reply& reply) override;
  void on_new_tunnel_link(LinkGrant grant) override;

  void begin(http::ServerStream& stream, Visit& visit);
  void ask_own_site();
  void look_up(std::string_view name, bool for_status);
  void to_tunnel(NameTable::Found found);
  void check_login(const VisitorPolicy& policy);
  void ask_app();
  void answer(const Reply& reply, Outcome outcome);
  void fail(const Error& why);
  void finish(Outcome outcome);
  void leave();

  Desk& desk_;
  http::ServerStream* stream_ = nullptr;
  Visit* visit_ = nullptr;
  std::shared_ptr<Visit> upgraded_visit_;  // held after the connection has left its first owner
  Route route_;
  std::string client_ip_;    // as reported by a listed proxy, or the connection's
  bool for_status_ = false;  // the lookup is for a tunnel's status on the own site
  std::unique_ptr<NewTunnel> new_tunnel_;
  std::shared_ptr<Tunnel> tunnel_;  // the result of the lookup, until the request is passed to it
  bool own_login_ = false;          // the visitor's Authorization was for the tunnel and is not passed to the app
  RequestRecord record_;
  AppRequest app_request_;
};

}  // namespace tenfold::broker
