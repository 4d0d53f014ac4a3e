#include "http/failure_texts.h"

#include <algorithm>
#include <array>

namespace tenfold {
namespace {

using enum Origin;

constexpr std::array forms{
    // The app.
    FailureForm{app, ErrorKind::refused, 502, "app-refused",
                "The app behind this tunnel refused the connection. Is it running?", LogLevel::info},
    FailureForm{app, ErrorKind::timeout, 502, "app-connect-timeout",
                "The app behind this tunnel did not take the connection in time.", LogLevel::info},
    FailureForm{app, ErrorKind::dns, 502, "app-dns", "The name of the app behind this tunnel has no address.",
                LogLevel::info},
    FailureForm{app, ErrorKind::tls, 502, "app-tls", "The app behind this tunnel could not be reached over TLS.",
                LogLevel::info},
    FailureForm{app, ErrorKind::protocol, 502, "app-bad-answer", "The app behind this tunnel sent an answer that {}.",
                LogLevel::info},
    FailureForm{app, ErrorKind::closed, 502, "app-broke", "No answer came from behind this tunnel: {}.",
                LogLevel::info},
    FailureForm{app, ErrorKind::silent, 504, "app-timeout",
                "No answer came from behind this tunnel in time: {} is slow.", LogLevel::info},
    // The agent, and the way to it.
    FailureForm{agent, ErrorKind::closed, 503, "agent-away",
                "The agent behind this tunnel is away. It usually comes back by itself.", LogLevel::info},
    FailureForm{agent, ErrorKind::absent, 503, "starting",
                "This server has just started, and the agent of this tunnel may be on its way back.", LogLevel::info},
    FailureForm{agent, ErrorKind::limit, 503, "agent-busy",
                "The agent behind this tunnel has no connection to spare. Try again shortly.", LogLevel::info},
    // This server.
    FailureForm{broker, ErrorKind::limit, 503, "tunnel-busy",
                "This tunnel has as many visitors as it can serve. Try again shortly.", LogLevel::info},
    FailureForm{broker, ErrorKind::closed, 503, "draining", "This server is going down. Try again in a moment.",
                LogLevel::info},
    FailureForm{broker, ErrorKind::io, 500, "internal", "This server could not serve the request: {}.",
                LogLevel::error},
    // Another replica, which has the agent.
    FailureForm{peer, ErrorKind::closed, 502, "peer-unreachable",
                "The server that this tunnel's agent is connected to cannot be reached. Try again shortly.",
                LogLevel::warn},
    FailureForm{peer, ErrorKind::denied, 503, "rules-changed",
                "The rules of this tunnel have just changed. Try again in a moment.", LogLevel::info},
    // Who knows the names.
    FailureForm{registry, ErrorKind::absent, 404, "no-such-tunnel", "There is no tunnel at this address.",
                LogLevel::debug},
    FailureForm{registry, ErrorKind::silent, 503, "registry-away",
                "This server cannot look up its tunnels at the moment. Try again shortly.", LogLevel::warn},
    // The visitor.
    FailureForm{visitor, ErrorKind::unauthorized, 401, "unauthorized", "This tunnel wants a name and a password.",
                LogLevel::info},
    FailureForm{visitor, ErrorKind::denied, 403, "denied", "This tunnel is not open to this address.", LogLevel::info},
    FailureForm{visitor, ErrorKind::loop, 508, "loop", "This request came round to the same tunnel again.",
                LogLevel::info},
};

const FailureForm* row_of(Origin origin, ErrorKind kind) {
  const auto found = std::find_if(forms.begin(), forms.end(),
                                  [&](const FailureForm& form) { return form.origin == origin && form.kind == kind; });
  return found == forms.end() ? nullptr : &*found;
}

}  // namespace

std::span<const FailureForm> failure_forms() { return forms; }

const FailureForm& failure_form(const Error& error) {
  if (const FailureForm* form = row_of(error.origin, error.kind)) return *form;
  switch (error.origin) {
    case Origin::link:
    case Origin::agent: return *row_of(agent, ErrorKind::closed);
    case Origin::peer: return *row_of(peer, ErrorKind::closed);
    case Origin::registry: return *row_of(registry, ErrorKind::silent);
    case Origin::broker: return *row_of(broker, ErrorKind::io);
    case Origin::none:
    case Origin::visitor:
    case Origin::app: break;
  }
  return *row_of(app, ErrorKind::closed);
}

std::string failure_text(const Error& error) {
  std::string text(failure_form(error).text);
  constexpr std::string_view place = "{}";
  if (const std::size_t at = text.find(place); at != std::string::npos) text.replace(at, place.size(), error.detail);
  return text;
}

}  // namespace tenfold
