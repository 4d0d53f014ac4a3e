#include "http2/server_core.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "http2/stream.h"
#include "http2/window_growth.h"

namespace tenfold::http2 {

namespace {

// Input is processed in slices of this size, so that the list of events stays short.
constexpr std::size_t input_slice = 16 * limits::KiB;
constexpr std::size_t most_spares = 8;  // freed streams that are kept for the next requests

constexpr FrameGuard::Budget guard_budget{limits::flood_burst,    limits::flood_rate,    limits::h2_continuations,
                                          limits::h2_reset_burst, limits::h2_reset_rate, true};

Nghttp2Glue::Setup setup(const ServerOptions& options) {
  Nghttp2Glue::Setup setup;
  setup.side = Nghttp2Glue::Side::server;
  setup.max_streams = options.max_streams;
  setup.stream_window = options.stream_window;
  setup.connection_window = options.connection_window;
  setup.header_list = limits::h2_header_list;
  setup.acks_queued = limits::h2_acks_queued;
  // The guard counts all resets, so nghttp2's own limit is never reached first.
  setup.reset_burst = std::uint64_t{2} * limits::h2_reset_burst;
  setup.reset_rate = std::uint64_t{2} * limits::h2_reset_rate;
  setup.extended_connect = true;
  return setup;
}

Error error(ErrorKind kind, const char* detail) { return {kind, detail, Origin::visitor}; }

}  // namespace

ServerConnection::Core::Core(ServerConnection& connection, Runtime& runtime, Owner& owner, std::unique_ptr<Duplex> pipe,
                             const ServerOptions& options)
    : connection_(connection),
      runtime_(runtime),
      owner_(owner),
      options_(options),
      pipe_(std::move(pipe)),
      glue_(setup(options), *this),
      guard_(FrameGuard::Peer::client, guard_budget) {}

ServerConnection::Core::~Core() {
  assert(!dispatching_);
  state_ = State::closed;
  while (Stream* stream = streams_.any([](const Stream&) { return true; })) {
    streams_.remove(stream->id_);
    const std::unique_ptr<Stream> owned(stream);
    TurnList::remove(*owned);
    owned->part();
  }
}

void ServerConnection::Core::start(Bytes early) {
  pipe_->set_handler(this);
  settle_idle();
  if (!early.empty()) on_data(early);
  wake();
}

// ---- Input -----------------------------------------------------------------------

void ServerConnection::Core::on_data(Bytes bytes) {
  const std::size_t size = bytes.size();
  busy_ = true;
  while (!bytes.empty() && !ended()) {
    const Bytes slice = bytes.first(std::min(bytes.size(), input_slice));
    bytes = bytes.subspan(slice.size());
    const FrameGuard::Verdict verdict = guard_.look(slice, runtime_.now());
    const H2Code code = glue_.receive(slice.first(verdict.passed));
    dispatch();
    if (code == H2Code::protocol_error) {
      fail(ErrorKind::protocol, "no HTTP/2 preface", code);
    } else if (code != H2Code::no_error) {
      fail(ErrorKind::limit, "more fields or answers than a connection has", code);
    } else if (verdict.code != H2Code::no_error) {
      const bool flood = verdict.code == H2Code::enhance_your_calm;
      fail(flood ? ErrorKind::limit : ErrorKind::protocol, verdict.reason, verdict.code);
    }
  }
  busy_ = false;
  // Credited at once: the windows bound what is held of it.
  pipe_->credit(size);
  flush();
  if (streams_.size() == 0) glue_.trim();
}

void ServerConnection::Core::on_end() {
  client_ended_ = true;
  if (ended()) return;
  cut_where({{ErrorKind::closed, "the visitor went away", Origin::visitor}},
            [](const Stream& stream) { return stream.in_way_ == Stream::In::flowing; });
  if (streams_.size() == 0) return close(H2Code::no_error, {error(ErrorKind::closed, "the visitor went away")});
  settle_idle();
}

void ServerConnection::Core::on_sent(std::size_t) {
  if (client_ended_ && idle_.armed()) runtime_.timers.arm_in(idle_, options_.patience.half_close);
  if (pipe_->queued() < limits::h2_flush / 2) flush();
}

void ServerConnection::Core::on_closed(const Error& why) {
  state_ = State::closed;
  for (Timer* timer : {static_cast<Timer*>(&idle_), static_cast<Timer*>(&drain_), static_cast<Timer*>(&linger_),
                       static_cast<Timer*>(&flush_)}) {
    runtime_.timers.disarm(*timer);
  }
  cut_all({why ? why : error(ErrorKind::closed, "the visitor went away")});
  finish_later();
}

void ServerConnection::Core::on_head(std::int32_t id, bool first) {
  reading_first_ = first;
  if (first) {
    std::unique_ptr<Stream> stream = take_spare();
    stream->start(id);
    reading_ = stream.release();
    streams_.insert(id, reading_);
  } else {
    reading_ = streams_.find(id);
    if (reading_ != nullptr) reading_->trailers_.clear();
  }
}

bool ServerConnection::Core::on_field(std::string_view name, std::string_view value) {
  if (reading_ == nullptr) return true;
  if (reading_first_) return reading_->request_.take(name, value);
  FieldList& trailers = reading_->trailers_;
  trailers.weigh(name, value);
  if (trailers.weight() <= limits::trailer_bytes) trailers.add(name, value);
  return trailers.weight() <= limits::h2_header_list_most;
}

std::uint32_t ServerConnection::Core::on_head_end(std::int32_t, bool first, bool ended) {
  if (first && reading_ != nullptr) reading_->request_.finish(options_.scheme, ended);
  return 0;
}

void ServerConnection::Core::dispatch() {
  if (dispatching_) return;  // an outer call of dispatch handles the added events
  dispatching_ = true;
  while (next_event_ < glue_.events().size() && !ended()) {
    const H2Event event = glue_.events()[next_event_++];
    handle(event);
  }
  dispatching_ = false;
  next_event_ = 0;
  glue_.clear_events();
}

void ServerConnection::Core::handle(const H2Event& event) {
  using Kind = H2Event::Kind;
  switch (event.kind) {
    case Kind::settings:
      if (!std::exchange(started_, true) && idle_.armed()) runtime_.timers.arm_in(idle_, options_.patience.keep_alive);
      streams_.for_each([this](Stream& stream) {
        stream.blocked_ = false;
        make_ready(stream);
      });
      return;
    case Kind::pong:
      if (event.value != pings_ || pinged_at_ == never) return;
      // At least one tick: zero means unknown.
      rtt_ = std::max<Duration>(runtime_.now() - std::exchange(pinged_at_, never), Duration(1));
      if (notice_out_) on_drain_time();
      return;
    case Kind::fault:
      if (guard_.on_stream_fault(runtime_.now())) return;
      return fail(ErrorKind::limit, "too many streams that had to be reset", H2Code::enhance_your_calm);
    case Kind::gone:
      if (event.value == static_cast<std::uint32_t>(H2Code::no_error)) return;
      return fail(ErrorKind::protocol,
                  glue_.goaway_reason().empty() ? "the rules of HTTP/2 were broken" : glue_.goaway_reason().c_str(),
                  static_cast<H2Code>(event.value));
    default: break;
  }
  if (Stream* stream = streams_.find(event.id)) handle_stream(*stream, event);
}

void ServerConnection::Core::handle_stream(Stream& stream, const H2Event& event) {
  using Kind = H2Event::Kind;
  if (stream.over_) return;
  switch (event.kind) {
    case Kind::head: return announce(stream);
    case Kind::later:
      if (stream.trailers_.weight() <= limits::trailer_bytes) return;
      stream.take_gone({error(ErrorKind::limit, "trailers that are too long")});
      return cut(stream, H2Code::enhance_your_calm);
    case Kind::data: return stream.on_body(event.bytes);
    case Kind::ended: return stream.on_end();
    case Kind::window: stream.blocked_ = false; return make_ready(stream);
    case Kind::sent: return stream.on_sent(event.value);
    case Kind::end_sent: stream.end_sent_ = true; return stream.on_output_end();
    case Kind::closed: TurnList::remove(stream); return stream.on_over(static_cast<H2Code>(event.value));
    default: return;
  }
}

void ServerConnection::Core::announce(Stream& stream) {
  runtime_.timers.disarm(idle_);
  stream.announced_ = true;
  stream.done_ = false;
  stream.settle_wait();
  if (const http::Fault fault = stream.request_.fault()) return owner_.on_fault(stream, fault, http::Limit::none);
  owner_.on_request(stream);
}

// ---- Streams ---------------------------------------------------------------------

std::unique_ptr<Stream> ServerConnection::Core::take_spare() {
  if (spares_.empty()) return std::make_unique<Stream>(*this, runtime_);
  std::unique_ptr<Stream> stream = std::move(spares_.back());
  spares_.pop_back();
  return stream;
}

void ServerConnection::Core::settle(Stream& stream) {
  if (!stream.over_ || !stream.done_ || streams_.find(stream.id_) != &stream) return;
  streams_.remove(stream.id_);
  TurnList::remove(stream);
  grown_ -= stream.growth_.window() - options_.stream_window;
  if (reading_ == &stream) reading_ = nullptr;
  std::unique_ptr<Stream> owned(&stream);
  runtime_.timers.disarm(stream.later_);
  runtime_.timers.disarm(stream.wait_);
  stream.out_.clear();
  if (spares_.size() < most_spares) {
    spares_.push_back(std::move(owned));
  } else {
    runtime_.graveyard.bury(std::move(owned));  // it may be inside its own event
  }
  if (streams_.size() != 0) return;
  // One is enough for a connection with one request at a time.
  for (; spares_.size() > 1; spares_.pop_back()) runtime_.graveyard.bury(std::move(spares_.back()));
  if (state_ == State::closed) return finish_later();
  const bool drained = state_ == State::draining && !notice_out_;
  if (drained || client_ended_) return close(H2Code::no_error, {});
  settle_idle();
}

void ServerConnection::Core::cut(Stream& stream, H2Code code) {
  if (stream.over_) return;
  if (!ended() && glue_.has_stream(stream.id_)) glue_.submit_reset(stream.id_, code);
  stream.over_ = true;
  stream.out_.clear();
  TurnList::remove(stream);
  runtime_.timers.disarm(stream.wait_);
  wake();
  settle(stream);
}

template <typename Which>
void ServerConnection::Core::cut_where(const http::Gone& gone, Which which) {
  std::vector<Stream*> cut_now;
  streams_.for_each([&](Stream& stream) {
    if (which(stream)) cut_now.push_back(&stream);
  });
  for (Stream* stream : cut_now) {
    stream->take_gone(gone);
    cut(*stream, H2Code::cancel);
  }
}

void ServerConnection::Core::cut_all(const http::Gone& gone) {
  cut_where(gone, [](const Stream&) { return true; });
}

// Returns the credit of all bytes of a stream, except those that its handler has or is about to get.
void ServerConnection::Core::return_credit(const Stream& stream) {
  const auto at_once = static_cast<std::int32_t>(WindowGrowth::returned_at_once(stream.growth_.window()));
  std::int32_t n = glue_.stream_unreturned(stream.id_) - static_cast<std::int32_t>(stream.uncredited_);
  if (n < at_once) return;
  for (std::size_t i = next_event_; i < glue_.events().size(); ++i) {
    const H2Event& event = glue_.events()[i];
    if (event.id == stream.id_) n -= static_cast<std::int32_t>(event.bytes.size());
  }
  if (n < at_once) return;
  glue_.return_credit(stream.id_, n);
  if (rtt_ == Duration::zero()) ping();  // a larger body: its window may have to grow
  wake();
}

void ServerConnection::Core::on_credit(Stream& stream, std::size_t n) {
  if (ended()) return;
  return_credit(stream);
  // Each stream may use half of what is left, so that later streams get some. A window larger than the connection's is
  // useless.
  const std::size_t budget = (limits::h2_windows_grown - grown_) / 2;
  const std::uint32_t more =
      stream.growth_.on_credit(n, runtime_.now(), {rtt_, stream.uncredited_, budget, 0, options_.connection_window});
  if (more == 0) return;
  grown_ += more;
  glue_.set_stream_window(stream.id_, stream.growth_.window());
  wake();
}

void ServerConnection::Core::ping() {
  if (pinged_at_ != never) return;
  pinged_at_ = runtime_.now();
  glue_.submit_ping(++pings_);
}

// ---- Life ------------------------------------------------------------------------

void ServerConnection::Core::settle_idle() {
  if (ended()) return;
  if (client_ended_) return runtime_.timers.arm_in(idle_, options_.patience.half_close);
  if (streams_.size() != 0) return runtime_.timers.disarm(idle_);
  runtime_.timers.arm_in(idle_, started_ ? options_.patience.keep_alive : options_.patience.head);
}

void ServerConnection::Core::on_idle() {
  const http::Limit limit = client_ended_ ? http::Limit::half_close : http::Limit::none;
  close(H2Code::no_error, {error(ErrorKind::timeout, "the visitor has left"), limit});
}

void ServerConnection::Core::drain() {
  if (state_ != State::open) return;
  state_ = State::draining;
  // RFC 9113 6.8: "A server that is attempting to gracefully shut down a connection SHOULD send an initial GOAWAY frame
  // with the last stream identifier set to 2^31-1 and a NO_ERROR code. [...] After allowing time for any in-flight
  // stream creation (at least one round-trip time), the server MAY send another GOAWAY frame with an updated last
  // stream identifier."
  glue_.submit_shutdown_notice();
  notice_out_ = true;
  // A PING sent before the GOAWAY does not confirm it.
  pinged_at_ = never;
  ping();
  runtime_.timers.arm_in(drain_, limits::drain_grace);
  wake();
}

void ServerConnection::Core::on_drain_time() {
  notice_out_ = false;
  runtime_.timers.disarm(drain_);
  if (state_ != State::draining) return;
  if (streams_.size() == 0) return close(H2Code::no_error, {});
  glue_.submit_goaway();
  wake();
}

void ServerConnection::Core::end_now() {
  close(H2Code::no_error, {{ErrorKind::cancelled, "the server ends", Origin::broker}});
}

void ServerConnection::Core::fail(ErrorKind kind, const char* reason, H2Code code) {
  if (ended()) return;
  runtime_.log.info("h2-fault", {{"reason", reason}, {"code", to_string(code)}});
  close(code, {error(kind, reason)});
}

void ServerConnection::Core::close(H2Code code, const http::Gone& gone) {
  if (ended()) return;
  glue_.terminate(code);
  state_ = State::closing;
  runtime_.timers.disarm(idle_);
  runtime_.timers.disarm(drain_);
  linger_until_ = runtime_.now() + limits::linger_most;
  runtime_.timers.arm_in(linger_, limits::linger_time);
  cut_all(gone);
  wake();
}

// Sends FIN after the GOAWAY.
void ServerConnection::Core::settle_close() {
  if (state_ != State::closing || said_end_ || glue_.want_send()) return;
  said_end_ = true;
  pipe_->end();
  runtime_.timers.arm_in(linger_, limits::linger_time);
}

// The client does not read the GOAWAY, or does not answer the FIN.
void ServerConnection::Core::on_linger_over() {
  if (pipe_->queued() != 0 && runtime_.now() < linger_until_) {
    return runtime_.timers.arm_in(linger_, limits::linger_time);
  }
  pipe_->reset(ErrorKind::closed);
  on_closed({});
}

void ServerConnection::Core::finish_later() {
  if (state_ == State::closed && streams_.size() == 0) runtime_.timers.arm_in(finish_, Duration::zero());
}

void ServerConnection::Core::finish() { owner_.on_connection_closed(connection_); }

}  // namespace tenfold::http2
