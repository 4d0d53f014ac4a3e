#include "mux/link_core.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/limits.h"
#include "mux/handshake.h"

namespace tenfold {

namespace {

// What nghttp2 runs over at a time, so that what it tells of it stays small.
constexpr std::size_t input_slice = 16 * limits::KiB;

constexpr std::int32_t control_id = 1;

constexpr FrameGuard::Budget guard_budget{limits::flood_burst, limits::flood_rate, limits::link_continuations};

// What the owner is told of a fault that GOAWAY names so.
ErrorKind kind_of(H2Code code) { return code == H2Code::enhance_your_calm ? ErrorKind::limit : ErrorKind::protocol; }

Nghttp2Glue::Setup setup(Link::Role role, const LinkOptions& options) {
  const bool broker = role == Link::Role::broker;
  Nghttp2Glue::Setup setup;
  setup.side = broker ? Nghttp2Glue::Side::client : Nghttp2Glue::Side::server;
  setup.max_streams = options.max_streams + 1;
  setup.stream_window = options.stream_window;
  setup.connection_window = options.link_window;
  setup.header_list = limits::link_header_list;
  setup.acks_queued = limits::link_acks_queued;
  // Otherwise a thousand visitors who leave early end the link.
  setup.reset_burst = limits::link_reset_burst;
  setup.reset_rate = limits::link_reset_rate;
  return setup;
}

}  // namespace

Link::Core::Core(Runtime& runtime, Role role, const LinkOptions& options, Link::Handler& handler)
    : runtime_(runtime),
      role_(role),
      options_(options),
      handler_(handler),
      reserved_(input_slice + options.link_window + options.max_streams * std::size_t{limits::stream_window_pressed}),
      glue_(setup(role, options), *this),
      head_(options.peers),
      guard_(role == Role::broker ? FrameGuard::Peer::server : FrameGuard::Peer::client, guard_budget),
      keepalive_(options.ping_every, limits::pings_missed, runtime.now(), role == Role::broker),
      handed_(runtime.blocks) {
  if (role_ == Role::broker) {
    const StreamTarget control{handshake::control_authority, {}};
    const std::int32_t id =
        glue_.submit_request(HeadFields::open(control.name, control.peer).span(), Nghttp2Glue::Body::follows);
    assert(id == control_id);
    guard_.on_stream();
    adopt_control(new_stream(id, control));
  }
  runtime_.timers.arm(tick_, keepalive_.deadline());
}

Link::Core::~Core() {
  assert(!dispatching_);
  state_ = State::closed;
  // Streams that outlive the link hear of its end here.
  const Error gone{ErrorKind::closed, "the link is gone"};
  const auto others = [this](const LinkStream& stream) { return &stream != control_.get(); };
  while (LinkStream* stream = streams_.any(others)) {
    let_go(*stream);
    stream->on_closed(gone);
  }
  if (control_ != nullptr && control_->core_ != nullptr) let_go(*control_);
}

// ---- Input -----------------------------------------------------------------------

void Link::Core::receive(Bytes bytes) {
  assert(!dispatching_);
  if (ended()) return;
  keepalive_.on_bytes(runtime_.now());
  while (!bytes.empty() && !ended()) {
    const Bytes slice = bytes.first(std::min(bytes.size(), input_slice));
    bytes = bytes.subspan(slice.size());
    const FrameGuard::Verdict verdict = guard_.look(slice, runtime_.now());
    const H2Code code = glue_.receive(slice.first(verdict.passed));
    dispatch();
    const char* too_much = "more headers or answers than a link has";
    if (code != H2Code::no_error) {
      fail({kind_of(code), code == H2Code::protocol_error ? "no HTTP/2 preface" : too_much}, code);
    } else if (verdict.code != H2Code::no_error) {
      fail({kind_of(verdict.code), verdict.reason}, verdict.code);
    }
  }
  wake();
}

void Link::Core::dispatch() {
  if (dispatching_) return;  // the loop further up the stack comes to what was added
  dispatching_ = true;
  while (next_event_ < glue_.events().size() && !ended()) {
    const H2Event event = glue_.events()[next_event_++];
    handle(event);
  }
  dispatching_ = false;
  next_event_ = 0;
  glue_.clear_events();
  opens_.clear();
}

void Link::Core::on_head(std::int32_t, bool) { head_.start(); }

bool Link::Core::on_field(std::string_view name, std::string_view value) { return head_.take(name, value); }

std::uint32_t Link::Core::on_head_end(std::int32_t, bool first, bool) {
  if (role_ == Role::broker) return Answered{head_.status(), head_.cause()}.pack();
  return first ? opens_.add(head_) : 0;
}

void Link::Core::handle(const H2Event& event) {
  using Kind = H2Event::Kind;
  switch (event.kind) {
    case Kind::head:
      if (role_ == Role::broker) break;
      return on_opened(event.id, opens_.at(event.value));
    case Kind::later:
      if (role_ == Role::broker) break;
      return;
    case Kind::settings:
      streams_.for_each([this](LinkStream& stream) {
        stream.blocked_ = false;
        make_ready(stream);
      });
      return note_room();
    case Kind::pong:
      if (event.value == pings_) keepalive_.on_pong(runtime_.now());
      return;
    case Kind::going: return on_going(static_cast<H2Code>(event.value));
    case Kind::end_sent:
      // RFC 9113 8.1: "A server MAY request that the client abort transmission of a request without error by sending a
      // RST_STREAM with an error code of NO_ERROR after sending a complete response".
      if (glue_.has_stream(event.id)) glue_.submit_reset(event.id, H2Code::no_error);
      return;
    case Kind::fault: return on_stream_fault();
    case Kind::gone:
      if (event.value == static_cast<std::uint32_t>(H2Code::no_error)) return;
      stop({ErrorKind::protocol,
            glue_.goaway_reason().empty() ? to_string(static_cast<H2Code>(event.value)) : glue_.goaway_reason()});
      return;
    default: break;
  }
  // Events of streams that nobody holds any more.
  LinkStream* stream = streams_.find(event.id);
  if (stream == nullptr) return;
  switch (event.kind) {
    case Kind::head:
    case Kind::later: return on_answered(*stream, Answered::unpack(event.value));
    case Kind::data:
      uncredited_ += event.bytes.size();
      if (uncredited_ >= limits::tunnel_buffered_low && !pressed_) settle_pressure();
      if (uncredited_ > options_.held_most) {
        // No peer that obeys our SETTINGS comes so far: see room_to_hold().
        return fail({ErrorKind::limit, "the peer sends as if windows had not shrunk"}, H2Code::enhance_your_calm);
      }
      if (stream != control_.get()) note_heard(event.id);
      return stream->on_data(event.bytes);
    case Kind::ended: return stream->on_end();
    case Kind::window: stream->blocked_ = false; return make_ready(*stream);
    case Kind::sent: return stream->on_sent(event.value);
    case Kind::closed: return on_stream_over(*stream, static_cast<H2Code>(event.value));
    default: return;
  }
}

void Link::Core::on_opened(std::int32_t id, const Opens::Open& open) {
  if (control_ == nullptr) {
    if (id != control_id || !open.good || open.name != handshake::control_authority) {
      return fail({ErrorKind::protocol, "the first stream is not the control stream"}, H2Code::protocol_error);
    }
    adopt_control(new_stream(id, {open.name, open.peer}));
    control_->accept();
    control_->write(to_bytes(std::exchange(early_control_, {})));
    return;
  }
  if (!open.good || (options_.peers && !open.hops)) return glue_.submit_reset(id, H2Code::protocol_error);
  if (state_ == State::draining) return glue_.submit_reset(id, H2Code::refused_stream);
  ++opened_;
  handler_.on_link_stream(new_stream(id, {open.name, open.peer, open.policy}));
}

void Link::Core::on_answered(LinkStream& stream, const Answered& answer) {
  const bool interim = answer.status >= 100 && answer.status < 200;
  if (interim && !stream.answered_ && ++stream.interims_ <= limits::interim_answers) return;
  if (interim || stream.answered_) {
    // RFC 9113 8.5: "Frame types other than DATA or stream management frames (RST_STREAM, WINDOW_UPDATE, and PRIORITY)
    // MUST NOT be sent on a connected stream and MUST be treated as a stream error (Section 5.4.2) of type
    // PROTOCOL_ERROR if received."
    cut(stream, H2Code::protocol_error);
    return stream.on_closed({ErrorKind::protocol, "a second answer on a stream"});
  }
  if (answer.status == 200) {
    stream.answered_ = true;
    return;
  }
  cut(stream, H2Code::cancel);
  stream.on_closed({answer.cause, "answered with status " + std::to_string(answer.status)});
}

void Link::Core::on_stream_over(LinkStream& stream, H2Code code) {
  let_go(stream);
  const bool clean = code == H2Code::no_error && stream.out_way_ == LinkStream::Way::ended &&
                     stream.in_way_ != LinkStream::Way::flowing;
  if (clean) return stream.on_closed({});
  stream.on_closed({reset_kind(code), std::string("the stream was reset: ") + to_string(code)});
}

void Link::Core::on_going(H2Code code) {
  if (code != H2Code::no_error) {
    glue_.terminate(H2Code::no_error);
    return stop({ErrorKind::closed, std::string("the peer ended the link: ") + to_string(code)});
  }
  if (std::exchange(peer_going_, true)) return;
  handler_.on_link_draining();
  if (streams() == 0) close();
}

void Link::Core::on_stream_fault() {
  if (guard_.on_stream_fault(runtime_.now())) return;
  fail({ErrorKind::limit, "too many streams that had to be reset"}, H2Code::enhance_your_calm);
}

// ---- Streams ---------------------------------------------------------------------

bool Link::Core::takes_streams() const {
  return role_ == Role::broker && state_ == State::running && !peer_going_ &&
         glue_.next_stream_id() <= static_cast<std::uint32_t>(options_.last_stream_id);
}

// nghttp2 lets opens beyond the peer's MAX_CONCURRENT_STREAMS wait in silence, so they are counted here.
std::size_t Link::Core::most_streams() const {
  const std::uint32_t theirs = glue_.peer_max_streams();
  return std::min(options_.max_streams, theirs == 0 ? 0 : theirs - 1);
}

bool Link::Core::worth_keeping(const LinkStream& stream) const {
  return stream.growth_.window() <= limits::window_kept &&
         glue_.stream_window(stream.id_) <= static_cast<std::int32_t>(limits::window_kept);
}

Result<std::unique_ptr<LinkStream>> Link::Core::open_stream(const StreamTarget& target) {
  assert(!target.name.empty());
  if (!takes_streams()) return Error{ErrorKind::closed, "the link takes no new stream"};
  if (streams() >= most_streams()) {
    room_wanted_ = true;
    return Error{ErrorKind::limit, "the link carries as many streams as it may"};
  }
  if (std::max(target.name.size(), target.peer.size()) > limits::link_target_bytes) {
    return Error{ErrorKind::limit, "the stream's name or peer is too long"};
  }
  HeadFields head = HeadFields::open(target.name, target.peer);
  PolicyDigits digits;
  if (options_.peers) head.add_hop(digits.write(target.policy));
  const std::int32_t id = glue_.submit_request(head.span(), Nghttp2Glue::Body::follows);
  if (id == 0) return Error{ErrorKind::closed, "the link takes no new stream"};
  guard_.on_stream();
  ++opened_;
  std::unique_ptr<LinkStream> stream = new_stream(id, {});
  wake();
  return stream;
}

std::unique_ptr<LinkStream> Link::Core::new_stream(std::int32_t id, const StreamTarget& target) {
  std::unique_ptr<LinkStream> stream(new LinkStream(*this, runtime_, id, target, options_.stream_window));
  streams_.insert(id, stream.get());
  return stream;
}

void Link::Core::let_go(LinkStream& stream) {
  streams_.remove(stream.id_);
  TurnList::remove(stream);
  if (&stream != control_.get()) queued_ -= stream.out_.size();
  stream.out_.clear();
  uncredited_ -= stream.uncredited_;
  grown_ -= stream.growth_.window() - options_.stream_window;
  stream.core_ = nullptr;
  note_room();
  if (streams() == 0 && (state_ == State::draining || (peer_going_ && state_ == State::running))) close();
}

void Link::Core::note_room() {
  if (room_wanted_ && can_open()) runtime_.timers.arm_in(room_, Duration::zero());
}

void Link::Core::on_room() {
  if (!can_open()) return;
  room_wanted_ = false;
  handler_.on_link_room();
}

void Link::Core::cut(LinkStream& stream, H2Code code) {
  // Once its HEADERS have left, nghttp2 may have forgotten the stream already: both ways have ended, and the event that
  // says so is on its way.
  const bool known = glue_.has_stream(stream.id_) || (role_ == Role::broker && !stream.head_sent_);
  if (known) glue_.submit_reset(stream.id_, code);
  let_go(stream);
  wake();
}

void Link::Core::accept(LinkStream& stream) {
  glue_.submit_response(stream.id_, HeadFields::accept().span(), Nghttp2Glue::Body::follows);
  wake();
}

void Link::Core::refuse(LinkStream& stream, ErrorKind cause) {
  glue_.submit_response(stream.id_, HeadFields::refusal(cause).span(), Nghttp2Glue::Body::none);
  let_go(stream);
  wake();
}

// What has arrived for a stream goes back, but for what its holder has and what it is about to be told.
void Link::Core::return_credit(const LinkStream& stream) {
  const std::uint32_t grant = stream.growth_.grant(keepalive_.rtt(), company());
  const auto withheld = static_cast<std::int32_t>(stream.growth_.window() - grant);
  const std::uint32_t open = pressed_ ? std::min(grant, limits::stream_window_pressed) : grant;
  const auto at_once = static_cast<std::int32_t>(WindowGrowth::returned_at_once(open));
  std::int32_t n = glue_.stream_unreturned(stream.id_) - static_cast<std::int32_t>(stream.uncredited_) - withheld;
  if (n < at_once) return;
  for (std::size_t i = next_event_; i < glue_.events().size(); ++i) {
    const H2Event& event = glue_.events()[i];
    if (event.id == stream.id_) n -= static_cast<std::int32_t>(event.bytes.size());
  }
  if (n >= at_once) glue_.return_credit(stream.id_, n);
}

void Link::Core::note_heard(std::int32_t id) {
  const std::int32_t before = std::exchange(heard_last_, id);
  if (before != 0 && before != id) company_at_ = runtime_.now();
}

// How much more may be held, or windows may grow by, before the link has to be pressed. Whatever readers do, it never
// holds more than what it holds by then, what is on its way (the connection's window at most: a later one's
// WINDOW_UPDATE goes behind the SETTINGS), and what windows are after that.
std::size_t Link::Core::room_to_hold() const {
  return options_.held_most - std::min(uncredited_ + grown_ + reserved_, options_.held_most);
}

static_assert(limits::tunnel_buffered_low + input_slice + limits::link_window +
                      limits::link_streams * std::size_t{limits::stream_window_pressed} + limits::windows_grown <
                  limits::tunnel_buffered_most,
              "a link can be pressed early enough, and is not pressed for good");

// Streams whose holders stand still hold a window each. So that a thousand of them do not hold a thousand whole ones,
// windows are small from a certain sum on: credit is withheld, and nobody is cut.
void Link::Core::settle_pressure() {
  const bool press = squeezed_ || uncredited_ >= (pressed_ ? limits::tunnel_buffered_low : limits::tunnel_buffered) ||
                     room_to_hold() == 0;
  const bool too_soon = pressed_ && runtime_.now() - pressed_since_ < limits::pressed_time;
  if (press == pressed_ || too_soon || ended()) return;
  pressed_ = press;
  pressed_since_ = runtime_.now();
  glue_.set_initial_window(press ? std::min(limits::stream_window_pressed, options_.stream_window)
                                 : options_.stream_window);
}

void Link::Core::squeeze(bool on) {
  squeezed_ = on;
  settle_pressure();
  wake();
}

void Link::Core::on_credit(LinkStream& stream, std::size_t n) {
  uncredited_ -= n;
  if (pressed_) settle_pressure();
  if (stream.in_way_ != LinkStream::Way::flowing) return;  // nothing more will come
  return_credit(stream);
  // Half of what is left for each: who comes later finds something, too.
  const std::size_t budget = pressed_ ? 0 : std::min((limits::windows_grown - grown_) / 2, room_to_hold());
  const std::uint32_t more = stream.growth_.on_credit(
      n, runtime_.now(),
      {keepalive_.rtt(), stream.uncredited_, budget, known_window_, options_.stream_window_most, company()});
  if (more != 0) {
    grown_ += more;
    known_window_ = std::max(known_window_, stream.growth_.window());
    glue_.set_stream_window(stream.id_, stream.growth_.window());
  }
  wake();
}

// ---- Life ------------------------------------------------------------------------

void Link::Core::on_tick() {
  switch (keepalive_.on_time(runtime_.now(), streams() == 0)) {
    case Keepalive::Act::nothing: break;
    case Keepalive::Act::ping: glue_.submit_ping(++pings_); break;
    case Keepalive::Act::dead: fail({ErrorKind::timeout, "the peer is silent"}, H2Code::no_error); return;
  }
  glue_.trim();
  opens_.trim();
  if (pressed_) settle_pressure();
  runtime_.timers.arm(tick_, keepalive_.deadline());
  wake();
}

void Link::Core::drain() {
  if (state_ != State::running) return;
  state_ = State::draining;
  // Streams that the broker opens before it hears of this are refused, which tells it to go elsewhere.
  if (role_ == Role::agent) farewell_ = Farewell::drain;
  if (streams() == 0) close();
  wake();
}

void Link::Core::close() {
  if (ended()) return;
  farewell_ = Farewell::close;
  stop({});
}

void Link::Core::fail(Error why, H2Code code) {
  if (ended()) return;
  runtime_.log.warn("link-fault", {{"reason", why.detail}, {"code", to_string(code)}});
  glue_.terminate(code);
  stop(std::move(why));
}

void Link::Core::stop(Error why) {
  if (ended()) return;
  state_ = State::closing;
  why_ = std::move(why);
  streams_.for_each([this](LinkStream& stream) {
    if (&stream != control_.get()) TurnList::remove(stream);
  });
  runtime_.timers.disarm(tick_);
  runtime_.timers.arm_in(finish_, Duration::zero());
  wake();
}

void Link::Core::end_of_input(const Error& why) {
  if (closed()) return;
  const bool in_order = peer_going_ && streams() == 0;
  stop(why || in_order ? why : Error{ErrorKind::closed, "the peer went away"});
  if (dispatching_) return;
  runtime_.timers.disarm(finish_);
  finish();
}

void Link::Core::finish() {
  state_ = State::closed;
  const Error cut{why_ ? why_.kind : ErrorKind::closed, why_ ? why_.detail : "the link was closed"};
  const auto others = [this](const LinkStream& stream) { return &stream != control_.get(); };
  while (LinkStream* stream = streams_.any(others)) {
    let_go(*stream);
    stream->on_closed(cut);
  }
  handler_.on_link_closed(why_);
}

void Link::Core::wake() {
  if (dispatching_) return;
  // What there was may have gone with the stream that it was of.
  const bool wanted = std::exchange(wants_output_, has_output());
  if (!wanted && wants_output_) handler_.on_link_output();
}

LinkStats Link::Core::stats() const {
  LinkStats stats;
  stats.streams = static_cast<std::uint32_t>(streams());
  stats.streams_opened = opened_;
  stats.bytes_queued = queued_;
  stats.bytes_held = uncredited_;
  stats.rtt = keepalive_.rtt();
  stats.send_window = glue_.connection_window();
  stats.window_waits = window_waits_;
  stats.unreturned = glue_.connection_unreturned();
  return stats;
}

}  // namespace tenfold
