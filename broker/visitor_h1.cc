#include "broker/visitor_h1.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "base/limits.h"
#include "broker/answer_head.h"
#include "http1/head_writer.h"
#include "mux/handshake.h"

namespace tenfold::broker {
namespace {

using Kind = http1::Framing::Kind;

// An upgraded connection is looked at so often in the time that it may be idle.
constexpr int looks_in_stream_idle = 4;

// RFC 9112 3.2: the part of a target that names a path, and the authority of an absolute one.
struct Target {
  std::string_view origin;     // "/path?query", or "*"
  std::string_view authority;  // empty unless absolute
};

Target split_target(std::string_view target) {
  if (target.empty() || target.front() == '/' || target == "*") return {target, {}};
  const std::size_t colon = target.find("://");
  if (colon == std::string_view::npos) return {};
  const std::string_view rest = target.substr(colon + 3);
  const std::size_t slash = rest.find_first_of("/?");
  if (slash == std::string_view::npos) return {"/", rest};
  // "http://host?query" has an empty path: RFC 9112 3.2.1 wants "/" in front, which a view cannot have.
  if (rest[slash] == '?') return {};
  return {rest.substr(slash), rest.substr(0, slash)};
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
  const http1::RequestHead& head = reader_.request();
  state_ = State::exchanging;
  answer_begun_ = false;
  body_wanted_ = false;
  request_id_.assign(side_.request_ids.next());
  awaited_ = Awaited::nobody;

  const http1::Framed framed = http1::request_framing(head);
  body_.start(framed.framing);
  request_whole_ = body_.done();
  keep_ = !draining_ && http1::wants_keep_alive(head.minor_version, head.fields);
  await_visitor();
  if (framed.fault) return refuse(framed.fault);
  const Target target = split_target(head.target);
  if (head.method == "CONNECT") return refuse({405, "connect"});
  if (target.origin.empty()) return refuse({400, "bad-target"});
  const http1::Field* host = http1::find(head.fields, "Host");
  const std::string_view host_name = host == nullptr ? target.authority : host->value;
  if (host_name.empty()) return refuse({400, "missing-host"});
  if (!target.authority.empty() && !http1::equal_nocase(target.authority, host_name)) {
    return refuse({400, "host-mismatch"});
  }

  side_.router.route(host_name, route_);
  switch (route_.to) {
    case Route::To::tunnel: return to_tunnel(framed.framing, target.origin, host_name);
    case Route::To::nowhere:
      return trouble({404, "no-such-tunnel", "There is no tunnel at this address."}, !request_whole_);
    case Route::To::own_site: {
      const std::string client = side_.proxies.client_ip(ip_, head.fields);
      return on_own_request({head, host_name, side_.proxies.scheme(ip_, head.fields, scheme_), client, request_id_},
                            rest);
    }
  }
}

void VisitorH1::to_tunnel(http1::Framing framing, std::string_view target, std::string_view host) {
  const http1::RequestHead& head = reader_.request();
  TunnelRegistry::Found found = side_.registry.find(route_.name);
  if (found.state == TunnelRegistry::State::unknown) {
    return trouble({404, "no-such-tunnel", "There is no tunnel at this address."}, !request_whole_);
  }
  if (found.state == TunnelRegistry::State::away) {
    return on_failed({ErrorKind::closed, "no agent has the name now"}, Limit::none);
  }
  if (came_round_again(head.fields, route_.name)) {
    side_.runtime.log.info("reject", {{"reason", "loop"}, {"status", 508}, {"peer", address_}});
    return trouble({508, "loop", "This request came round to the same tunnel again."}, true);
  }
  // A body is read only when the upstream takes it; until then nothing is owed to the visitor.
  std::string named;
  std::string_view client = ip_;
  if (from_proxy_) client = named = side_.proxies.client_ip(ip_, head.fields);
  exchange_.start(std::move(found.tunnel),
                  {head, framing, target, address_, ip_, client, scheme_, host, request_id_, from_proxy_});
}

void VisitorH1::on_own_request(const OwnRequest& request, Bytes rest) {
  OwnSite::Answer answer = side_.own_site.answer(request);
  if (auto* grant = std::get_if<LinkGrant>(&answer)) {
    if (request_whole_) return become_link(std::move(*grant), rest);
    side_.registry.release(grant->claim);
    return refuse({400, "upgrade-with-body"});
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

// ---- Its answer ---------------------------------------------------------------------

void VisitorH1::on_interim(const http1::ResponseHead& head) {
  if (reader_.request().minor_version == 0) return;  // RFC 9110 15.2: never to HTTP/1.0
  side_.head.clear();
  write_interim_head(head, side_.head);
  connection_->write(to_bytes(side_.head));
  await_visitor(Awaited::leaver);
}

void VisitorH1::on_answer(const http1::ResponseHead& head, http1::Framing framing) {
  const http1::RequestHead& request = reader_.request();
  answer_begun_ = true;
  side_.head.clear();
  const AnswerForm form = write_answer_head(head, framing, request.minor_version, request.method == "HEAD",
                                            keep_ && request_whole_ ? keep_alive() : Duration::zero(), side_.head);
  keep_ = form.keep;
  answer_framing_ = form.body;
  connection_->write(to_bytes(side_.head));
  await_visitor(Awaited::leaver);
}

void VisitorH1::on_answer_data(Bytes bytes) {
  answer_unsent_ += bytes.size();
  if (answer_framing_ == Kind::chunked) {
    connection_->write(http1::ChunkHead(bytes.size()).bytes());
    connection_->write(bytes);
    connection_->write(to_bytes(http1::chunk_end));
  } else {
    connection_->write(bytes);
  }
  await_visitor(Awaited::leaver);
  settle_answer();
}

void VisitorH1::on_answer_end(const http1::Fields& trailers) {
  if (answer_framing_ == Kind::chunked) {
    side_.head.assign(http1::last_chunk);
    write_trailers(trailers, side_.head);
    connection_->write(to_bytes(side_.head));
  }
  request_done();
}

void VisitorH1::on_switched(const http1::ResponseHead& head, Upstream upstream, Bytes early) {
  side_.head.clear();
  write_switch_head(head, side_.head);
  connection_->write(to_bytes(side_.head));
  std::string held(held_.size(), '\0');
  held_.peek({reinterpret_cast<std::uint8_t*>(held.data()), held.size()});
  held_.clear();
  state_ = State::spliced;
  loan_ = std::move(upstream);
  Splice::Owner& owner = *this;
  splice_ = std::make_unique<Splice>(side_.runtime, std::move(connection_), loan_.take_pipe(), owner);
  reader_.clear();
  side_.runtime.timers.arm_in(*this, side_.patience.stream_idle / looks_in_stream_idle);
  splice_->start(to_bytes(held), early, ended_, false);
}

void VisitorH1::on_failed(const Error& why, Limit limit) {
  const Trouble what = trouble_of(why);
  side_.runtime.log.info("failed", {{"tunnel", route_.name},
                                    {"code", what.code},
                                    {limit == Limit::none ? "cause" : "limit",
                                     limit == Limit::none ? to_string(why.kind) : to_string(limit)},
                                    {"detail", why.detail},
                                    {"request", request_id_},
                                    {"peer", address_}});
  // "After the head has gone out, a failure is a visible cut, never a clean end."
  if (answer_begun_) return limit == Limit::reader_stands ? reset() : cut();
  trouble(what, !request_whole_);
}

void VisitorH1::settle_answer() {
  const std::size_t queued = connection_->queued();
  if (answer_unsent_ <= queued) return;
  const std::size_t gone = answer_unsent_ - queued;
  answer_unsent_ = queued;
  exchange_.credit(gone);
}

void VisitorH1::trouble(const Trouble& what, bool close) {
  reply(trouble_reply(what, reader_.request().fields, request_id_), close);
}

void VisitorH1::reply(const Reply& answer, bool close) {
  const http1::RequestHead& request = reader_.request();
  keep_ = keep_ && !close;
  side_.head.clear();
  write_reply(answer, request.method == "HEAD", keep_ ? keep_alive() : Duration::zero(), side_.head);
  connection_->write(to_bytes(side_.head));
  request_done();
}

void VisitorH1::refuse(const http1::Fault& fault, Limit limit) {
  if (limit == Limit::none) {
    side_.runtime.log.info("reject", {{"reason", fault.reason}, {"status", fault.status}, {"peer", address_}});
  } else {
    side_.runtime.log.info(
        "reject",
        {{"reason", fault.reason}, {"limit", to_string(limit)}, {"status", fault.status}, {"peer", address_}});
  }
  if (answer_begun_) return cut();
  keep_ = false;
  side_.head.clear();
  Reply answer;
  answer.status = fault.status;
  answer.body = std::to_string(fault.status) + " " + fault.reason + "\n";
  write_reply(answer, false, Duration::zero(), side_.head);
  connection_->write(to_bytes(side_.head));
  linger_until_ = side_.runtime.now() + limits::linger_refused;
  linger();
}

void VisitorH1::request_done() {
  if (!keep_ || !request_whole_) return linger();
  state_ = State::idle;
  answer_begun_ = false;
  answer_unsent_ = 0;
  reader_.clear();
  side_.runtime.timers.arm_in(*this, keep_alive() + limits::keep_alive_grace);
  process_held();
}

// ---- The end -----------------------------------------------------------------------

void VisitorH1::linger() {
  if (state_ == State::lingering || state_ == State::closed) return;
  state_ = State::lingering;
  // While process() is on the stack, it throws away by itself what is held.
  if (!processing_) {
    connection_->credit(held_.size());
    held_.clear();
  }
  connection_->end();
  arm_linger();
}

// The last answer goes on for as long as it moves; then the visitor has a moment to hear it, and a longer one while his
// own bytes still come.
void VisitorH1::arm_linger() {
  if (connection_->queued() != 0) return side_.runtime.timers.arm_in(*this, side_.patience.reader_idle);
  const TimePoint now = side_.runtime.now();
  if (linger_until_ == TimePoint{}) linger_until_ = now + limits::linger_most;
  side_.runtime.timers.arm(*this, std::min(now + limits::linger_time, linger_until_));
}

// The visitor went away in the middle of its request.
void VisitorH1::cut_request() {
  exchange_.cancel();
  cut();
}

void VisitorH1::cut() {
  if (connection_->queued() == 0) return reset();
  state_ = State::cutting;
  if (!processing_) {
    connection_->credit(held_.size());
    held_.clear();
  }
  side_.runtime.timers.arm_in(*this, side_.patience.reader_idle);
}

void VisitorH1::reset() {
  // Not `cancelled`, which may close an idle connection in peace: an answer that ends with its connection would look
  // whole.
  connection_->reset(ErrorKind::closed);
  report_closed();
}

void VisitorH1::report_closed() {
  if (std::exchange(state_, State::closed) == State::closed) return;
  side_.runtime.timers.disarm(*this);
  if (connection_ != nullptr) side_.runtime.graveyard.bury(std::move(connection_));
  owner_.on_visitor_closed(*this);
}

void VisitorH1::on_splice_done(Splice&, const Error&) {
  side_.runtime.graveyard.bury(std::move(splice_));
  loan_.drop(ErrorKind::none);
  report_closed();
}

// ---- Waiting for the visitor ----------------------------------------------------------

VisitorH1::Awaited VisitorH1::awaited_now() const {
  if (connection_->queued() != 0) return Awaited::reader;
  if (request_whole_) return ended_ ? Awaited::leaver : Awaited::nobody;
  const bool held_back = !body_wanted_ || !held_.empty() || exchange_.body_held_back() || exchange_.continue_awaited();
  const bool owes = !answer_begun_ && !held_back;
  return owes ? Awaited::sender : Awaited::nobody;
}

// What governs a pause in the request's body.
Limit VisitorH1::body_limit() const {
  const bool known = body_.remaining() != std::numeric_limits<std::uint64_t>::max();
  return known ? Limit::body_idle : Limit::stream_idle;
}

void VisitorH1::await_visitor(Awaited moved) {
  const Awaited now = awaited_now();
  if (now == std::exchange(awaited_, now) && now != moved && now != Awaited::nobody) return;
  switch (now) {
    case Awaited::sender:
      return side_.runtime.timers.arm_in(
          *this, body_limit() == Limit::body_idle ? side_.patience.body_idle : side_.patience.stream_idle);
    case Awaited::leaver: return side_.runtime.timers.arm_in(*this, side_.patience.half_close);
    // Nobody: the timer looks again, and disarming one would cost more.
    case Awaited::nobody:
    case Awaited::reader: return side_.runtime.timers.arm_in(*this, side_.patience.reader_idle);
  }
}

void VisitorH1::on_waited_enough() {
  switch (awaited_) {
    case Awaited::nobody: return side_.runtime.timers.arm_in(*this, side_.patience.reader_idle);
    case Awaited::sender: exchange_.cancel(); return refuse({408, "slow-body"}, body_limit());
    case Awaited::reader:
      log_cut(Limit::reader_idle);
      exchange_.cancel();
      return reset();
    case Awaited::leaver:
      log_cut(Limit::half_close);
      exchange_.cancel();
      return reset();
  }
}

void VisitorH1::log_cut(Limit limit) {
  side_.runtime.log.info(
      "cut", {{"limit", to_string(limit)}, {"tunnel", route_.name}, {"request", request_id_}, {"peer", address_}});
}

void VisitorH1::on_timer() {
  switch (state_) {
    case State::idle: return linger();
    case State::reading: return refuse({408, "slow-head"});
    case State::exchanging: return on_waited_enough();
    case State::lingering:
      if (connection_->queued() != 0) log_cut(Limit::reader_idle);
      return reset();
    case State::cutting: log_cut(Limit::reader_idle); return reset();
    case State::spliced: {
      const std::uint64_t carried = splice_->carried_from_left() + splice_->carried_from_right();
      const bool moved = std::exchange(carried_, carried) != carried;
      idle_looks_ = moved ? 0 : idle_looks_ + 1;
      if (idle_looks_ < looks_in_stream_idle) {
        return side_.runtime.timers.arm_in(*this, side_.patience.stream_idle / looks_in_stream_idle);
      }
      log_cut(Limit::stream_idle);
      splice_->reset(ErrorKind::timeout);
      return on_splice_done(*splice_, {});
    }
    case State::closed: return;
  }
}

}  // namespace tenfold::broker
