#include "broker/front/visitor_h1.h"

#include <cassert>
#include <utility>

#include "base/limits.h"
#include "http/host.h"
#include "http1/head_writer.h"
#include "mux/handshake.h"
namespace tenfold::broker {
namespace {

// RFC 9112 3.2: the part of a target that names a path, and what stands before it in an absolute one.
struct Target {
  std::string_view origin;     // "/path?query", or "*"; empty: no target of ours
  std::string_view authority;  // empty unless absolute
  std::string_view scheme;     // ... likewise
};

// `made`: where an origin is put that is not a part of the target.
Target split_target(const http::RequestHead& head, std::string& made) {
  const std::string_view target = head.target;
  if (target.empty() || target.front() == '/' || target == "*") return {target, {}, {}};
  const std::string_view authority = http::target_authority(target);
  if (authority.empty()) return {};
  const std::string_view scheme = http::target_scheme(target);
  const std::string_view rest = target.substr(scheme.size() + 3 + authority.size());
  // 3.2.4: an OPTIONS of the server as a whole.
  if (rest.empty()) return {head.method == "OPTIONS" ? "*" : "/", authority, scheme};
  if (rest.front() == '/') return {rest, authority, scheme};
  // 3.2.1: an empty path is "/".
  made.assign("/").append(rest);
  return {made, authority, scheme};
}

// Without a port that says no more than the scheme.
std::string_view without_usual_port(std::string_view host, std::string_view scheme) {
  const std::string_view bare = http::without_port(host);
  const std::string_view port = host.substr(bare.size());
  return port == ":" || port == (scheme == "https" ? ":443" : ":80") ? bare : host;
}

bool same_host(const Target& target, std::string_view host) {
  return http::equal_nocase(without_usual_port(target.authority, target.scheme),
                            without_usual_port(host, target.scheme));
}

}  // namespace

VisitorH1::VisitorH1(PublicSide& side, Owner& owner, std::unique_ptr<Duplex> connection, std::string address,
                     std::string ip, std::string_view scheme)
    : side_(side),
      owner_(owner),
      connection_(std::move(connection)),
      address_(std::move(address)),
      ip_(std::move(ip)),
      scheme_(scheme),
      from_proxy_(side.proxies.contains(ip_)),
      exchange_(side.runtime, side.head_buffers, side.patience, *this),
      held_(side.runtime.blocks) {}

VisitorH1::~VisitorH1() = default;

void VisitorH1::start() {
  side_.runtime.timers.arm_in(*this, keep_alive());
  connection_->set_handler(this);
}

void VisitorH1::drain() {
  draining_ = true;
  keep_ = false;
  if (state_ == State::idle && held_.empty()) linger();
}

bool VisitorH1::end_now() {
  switch (state_) {
    case State::spliced: splice_->end(); return true;
    case State::exchanging:
      exchange_.cancel();
      if (answer_begun_) {
        cut();
      } else {
        trouble({503, "draining", "This server is going down. Try again in a moment."}, true);
      }
      return false;
    case State::idle:
    case State::reading: linger(); return false;
    case State::lingering:
    case State::cutting:
    case State::closed: return false;
  }
  return false;
}

// ---- What comes from the visitor ----------------------------------------------------

void VisitorH1::on_data(Bytes bytes) {
  if (state_ == State::cutting) return connection_->credit(bytes.size());
  if (state_ == State::lingering) {
    arm_linger();
    return connection_->credit(bytes.size());
  }
  if (held_.empty() && !processing_) {
    processing_ = true;
    while (!bytes.empty() && state_ != State::closed) {
      const std::size_t taken = process(bytes);
      if (taken == 0) break;
      bytes = bytes.subspan(taken);
    }
    processing_ = false;
    if (state_ == State::closed) return;
  }
  held_.append(bytes);
}

// What was held, as far as it can be used now.
void VisitorH1::process_held() {
  if (processing_) return;
  processing_ = true;
  while (!held_.empty() && state_ != State::spliced && state_ != State::closed) {
    const std::size_t taken = process(held_.front());
    if (taken == 0 || state_ == State::closed) break;
    held_.consume(taken);
  }
  processing_ = false;
  if (!ended_ || !held_.empty()) return;
  if (state_ == State::idle || state_ == State::reading) return linger();
  if (state_ == State::exchanging && !request_whole_ && body_wanted_) cut_request();
}

// Uses some of `bytes`; returns how many, 0 when they must wait.
std::size_t VisitorH1::process(Bytes bytes) {
  switch (state_) {
    case State::idle:
      // A visitor that asks on and on without reading: its answers would pile up here.
      if (connection_->queued() > limits::buffered_low) return 0;
      [[fallthrough]];
    case State::reading: {
      const std::size_t taken = reader_.feed(bytes);
      connection_->credit(taken);
      if (reader_.failed()) {
        refuse(reader_.fault());
      } else if (reader_.done()) {
        on_request(bytes.subspan(taken));
        if (state_ == State::closed) return bytes.size();
      } else if (state_ == State::idle && reader_.started()) {
        state_ = State::reading;
        side_.runtime.timers.arm_in(*this, limits::head_time);
      }
      return taken;
    }
    case State::exchanging: return request_whole_ || !body_wanted_ ? 0 : read_body(bytes);
    case State::lingering:
    case State::cutting: connection_->credit(bytes.size()); return bytes.size();
    case State::spliced:
    case State::closed: return 0;
  }
  return 0;
}

std::size_t VisitorH1::read_body(Bytes bytes) {
  const http1::BodyReader::Step step = body_.next(bytes);
  connection_->credit(step.taken - step.payload.size());
  if (body_.failed()) {
    connection_->credit(step.payload.size());
    exchange_.cancel();
    refuse(body_.fault());
    return step.taken;
  }
  exchange_.send_body(step.payload);
  if (body_.done()) {
    request_whole_ = true;
    exchange_.end_body(body_.trailers());
  }
  if (state_ == State::exchanging) await_visitor(Awaited::sender);
  return step.taken;
}

void VisitorH1::on_end() {
  ended_ = true;
  switch (state_) {
    case State::idle:
      if (held_.empty()) linger();
      break;
    case State::reading: linger(); break;
    case State::exchanging:
      // A visitor may say FIN behind its last request and read on. Without the whole request there is nothing to
      // answer.
      if (!request_whole_ && held_.empty()) return cut_request();
      await_visitor();
      break;
    case State::lingering:
    case State::cutting:
    case State::spliced:
    case State::closed: break;
  }
}

void VisitorH1::on_closed(const Error&) {
  exchange_.cancel();
  report_closed();
}

void VisitorH1::on_sent(std::size_t) {
  switch (state_) {
    case State::exchanging:
      settle_answer();
      if (state_ == State::exchanging) await_visitor(Awaited::reader);
      return;
    case State::idle:
      return held_.empty() ? side_.runtime.timers.arm_in(*this, keep_alive() + limits::keep_alive_grace)
                           : process_held();
    case State::lingering: return arm_linger();
    case State::cutting:
      if (connection_->queued() == 0) return reset();
      return side_.runtime.timers.arm_in(*this, side_.patience.reader_idle);
    case State::reading:
    case State::spliced:
    case State::closed: return;
  }
}

// ---- A request ---------------------------------------------------------------------

void VisitorH1::on_request(Bytes rest) {
  const http::RequestHead& head = reader_.request();
  state_ = State::exchanging;
  answer_begun_ = false;
  body_wanted_ = false;
  request_id_.assign(side_.request_ids.next());
  if (from_proxy_) {
    if (const std::string_view id = claimed_request_id(head.fields); !id.empty()) request_id_.assign(id);
  }
  awaited_ = Awaited::nobody;

  const http1::Framed framed = http1::request_framing(head);
  body_.start(framed.framing);
  request_whole_ = body_.done();
  keep_ = !draining_ && http::wants_keep_alive(head.minor_version, head.fields);
  await_visitor();
  if (framed.fault) return refuse(framed.fault);
  const Target target = split_target(head, side_.target);
  if (head.method == "CONNECT") return refuse({405, "connect"});
  if (target.origin.empty()) return refuse({400, "bad-target"});
  const http::Field* host = http::find(head.fields, "Host");
  const std::string_view host_name = host == nullptr ? target.authority : host->value;
  if (host_name.empty()) return refuse({400, "missing-host"});
  if (!target.authority.empty() && !same_host(target, host_name)) return refuse({400, "host-mismatch"});

  side_.router.route(host_name, route_);
  switch (route_.to) {
    case Route::To::tunnel: return to_tunnel(framed.framing, target.origin, host_name);
    case Route::To::nowhere:
      return reply(side_.own_site.wrong_host({head, host_name, scheme_, ip_, request_id_}), !request_whole_);
    case Route::To::own_site: {
      const std::string client = side_.proxies.client_ip(ip_, head.fields);
      const std::string_view scheme = side_.proxies.scheme(ip_, head.fields, scheme_);
      if (target.authority.empty()) return on_own_request({head, host_name, scheme, client, request_id_}, rest);
      http::RequestHead own = head;
      own.target = target.origin;
      return on_own_request({own, host_name, scheme, client, request_id_}, rest);
    }
  }
}

void VisitorH1::to_tunnel(http1::Framing framing, std::string_view target, std::string_view host) {
  const http::RequestHead& head = reader_.request();
  TunnelRegistry::Found found = side_.registry.find(route_.name);
  if (found.state == TunnelRegistry::State::unknown) {
    if (side_.runtime.now() < side_.warm_at) {
      return trouble(
          {503, "starting", "This server has just started, and the agent of this tunnel may be on its way back."},
          !request_whole_);
    }
    return trouble({404, "no-such-tunnel", "There is no tunnel at this address."}, !request_whole_);
  }
  if (ends_here(head)) return reply(last_hop_reply(head), !request_whole_);
  if (found.state == TunnelRegistry::State::away) {
    return on_failed({ErrorKind::closed, "no agent has the name now", Origin::agent}, http::Limit::none);
  }
  if (came_round_again(head.fields, route_.name, side_.request_ids.broker_id())) {
    side_.runtime.log.info("reject", {{"reason", "loop"}, {"status", 508}, {"peer", address_}});
    return trouble({508, "loop", "This request came round to the same tunnel again."}, true);
  }
  // A body is read only when the upstream takes it; until then nothing is owed to the visitor.
  std::string named;
  std::string_view client = ip_;
  if (from_proxy_) client = named = side_.proxies.client_ip(ip_, head.fields);
  exchange_.start(std::move(found.tunnel), {head, framing, target, address_, ip_, client, scheme_, host, request_id_,
                                            from_proxy_, side_.request_ids.broker_id()});
}

void VisitorH1::on_own_request(const OwnRequest& request, Bytes rest) {
  OwnSite::Answer answer = side_.own_site.answer(request);
  if (auto* grant = std::get_if<LinkGrant>(&answer)) {
    assert(request_whole_ && "a request with a body is refused before its name is claimed");
    return become_link(std::move(*grant), rest);
  }
  reply(std::get<Reply>(answer), !request_whole_);
}

void VisitorH1::become_link(LinkGrant grant, Bytes rest) {
  side_.head.clear();
  http1::HeadWriter head(side_.head);
  head.status_line(101, {});
  head.field("Connection", "Upgrade");
  head.field("Upgrade", handshake::upgrade_token);
  head.end();
  connection_->write(to_bytes(side_.head));
  side_.runtime.timers.disarm(*this);
  std::string early(to_text(rest));
  if (!held_.empty()) {
    // `rest` is the end of the first run only of what is held.
    early.resize(held_.size());
    held_.peek({reinterpret_cast<std::uint8_t*>(early.data()), early.size()});
    early.erase(0, held_.front().size() - rest.size());
  }
  connection_->set_handler(nullptr);
  owner_.on_link(*this, std::move(connection_), std::move(grant), to_bytes(early));
  report_closed();
}

void VisitorH1::on_body_wanted() {
  body_wanted_ = true;
  await_visitor();
  process_held();
}

void VisitorH1::on_body_gone(std::size_t n) {
  if (connection_ == nullptr) return;
  connection_->credit(n);
  if (state_ == State::exchanging) await_visitor(Awaited::sender);
}

}  // namespace tenfold::broker
