// The agent's own rules and times: what it waits for, asks for and prints. The caps that its library needs are
// libframe's (base/limits.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/limits.h"
#include "base/time.h"

namespace tenfold::rules {

using limits::KiB;
using limits::MiB;

// ---- A request at the edge -------------------------------------------------
inline constexpr Duration local_connect_time = 5s;  // the local app's socket: beyond: 502

// ---- Life -------------------------------------------------------------------------
inline constexpr Duration backoff_least = 100ms;  // full jitter between these two
inline constexpr Duration backoff_most = 15s;
inline constexpr Duration backoff_reset = 10s;       // a link that lasted so long starts anew
inline constexpr Duration dial_time = 10s;           // the agent's to the broker, TLS and handshake included
inline constexpr Duration upgrade_answer_time = 5s;  // an Upgrade, once the broker has answered beside it

// ---- An agent that asks for a link ----------------------------------------------------
inline constexpr Duration second_question_after = 1s;          // an Upgrade without an answer: asked again without it
inline constexpr Duration own_ghost_time = 90s;                // a lost grant of ours may hold the name so long
inline constexpr Duration slept_least = 10s;                   // more, of this machine: the link is dead (2 PINGs)
inline constexpr Duration sleep_looked_every = 2s;             // ... and is asked for again when that is noticed
inline constexpr Duration register_again = 15s;                // a tunnel that is refused for now, on a link
inline constexpr Duration link_asked_every = 10min;            // on a classic server's pool: it may have been upgraded
inline constexpr std::size_t known_brokers = 256;              // that spoke tenfold/1, in the state folder
inline constexpr std::size_t known_brokers_bytes = 128 * KiB;  // their file: so many of the longest names fit

// ---- Classic -------------------------------------------------------------------------
inline constexpr std::size_t classic_sockets_most = 16;  // that an agent opens, whatever it is told
inline constexpr std::size_t classic_json_bytes = 64 * KiB;
inline constexpr Duration classic_quiet = 1s;  // a socket that one side has ended, answered or opaque: the other side's
                                               // last words
inline constexpr std::size_t classic_half_closed = 4;  // ... by the server, behind a request: each socket of a pool has
                                                       // so many that still wait for the app

// ---- The agent's pipes ---------------------------------------------------------------
inline constexpr std::size_t pipelined_requests = 16;  // on one pipe: beyond, it is not known whose turn it is
inline constexpr std::size_t printed_target = 200;     // of a request that the app does not answer
inline constexpr std::size_t question_kept = 2 * KiB;  // of what the app owes an answer to: most heads
inline constexpr Duration slow_app = 60s;              // a visitor who gives up after it gives up the app
inline constexpr std::size_t accept_kept = 256;        // of a request's Accept, for an answer of the agent's own
inline constexpr std::int64_t slow_lines = 10;         // about slow apps, on the terminal...
inline constexpr std::int64_t slow_lines_s = 60;       // ... in so many seconds

// ---- What a broker may make an agent say
inline constexpr std::uint32_t broker_lines_burst = 10;  // notices, refusals, refused streams: each
inline constexpr std::uint32_t broker_lines_rate = 1;    // ... a second after that; the rest is counted

}  // namespace tenfold::rules
