// The agent's own limits and times. The caps of its library are in libframe's base/limits.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/limits.h"
#include "base/time.h"

namespace tenfold::rules {

using limits::KiB;
using limits::MiB;

// ---- A request at the edge -------------------------------------------------
inline constexpr Duration local_connect_time = 5s;  // to the local app's socket; beyond: 502

// ---- Life -------------------------------------------------------------------------
inline constexpr Duration backoff_least = 100ms;    // full jitter between these two
inline constexpr Duration backoff_most_early = 3s;  // in the first minute without a link
inline constexpr Duration backoff_early = 60s;
inline constexpr Duration backoff_most = 15s;
inline constexpr Duration backoff_reset = 10s;       // a link that lasted this long resets the backoff
inline constexpr Duration dial_time = 10s;           // to the broker, including TLS and handshake
inline constexpr Duration upgrade_answer_time = 5s;  // an Upgrade, after the broker has answered the second request

// ---- An agent that asks for a link ----------------------------------------------------
inline constexpr Duration second_question_after = 1s;  // an Upgrade without an answer: a request without it follows
inline constexpr Duration own_ghost_time = 90s;        // how long an unanswered request of ours may hold the name
inline constexpr Duration slept_least = 10s;           // a longer suspension or stop: the link is dead (2 PINGs)
inline constexpr Duration sleep_looked_every = 2s;     // ... and how often this is checked
inline constexpr Duration moved_grace = 2s;      // after all tunnels have moved: what the old broker sends meanwhile
inline constexpr Duration register_again = 15s;  // a tunnel that is temporarily refused, on a link
inline constexpr Duration link_asked_every = 10min;            // on a classic server's pool: it may have been upgraded
inline constexpr std::size_t known_brokers = 256;              // that spoke tenfold/1, in the state folder
inline constexpr std::size_t known_brokers_bytes = 128 * KiB;  // size of their file: fits this many names of maximum
                                                               // length

// ---- Classic -------------------------------------------------------------------------
inline constexpr std::size_t classic_sockets_most = 16;  // per pool, whatever the server grants
inline constexpr std::size_t classic_json_bytes = 64 * KiB;
inline constexpr Duration classic_quiet = 1s;  // silence after one side of an answered or opaque socket has ended
inline constexpr std::size_t classic_half_closed = 4;  // per slot: sockets that the server ended within a request

// ---- The agent's pipes ---------------------------------------------------------------
inline constexpr std::size_t pipelined_requests = 16;  // on one pipe; beyond: the turn is unknown
inline constexpr std::size_t printed_target = 200;     // of a request that the app does not answer
inline constexpr std::size_t question_kept = 2 * KiB;  // of a request that the app has not answered: most heads fit
inline constexpr Duration slow_app = 60s;              // a visitor that gives up after this has waited for the app
inline constexpr std::size_t accept_kept = 256;        // of a request's Accept, for the agent's own answers
inline constexpr std::int64_t slow_lines = 10;         // about slow apps, on the terminal...
inline constexpr std::int64_t slow_lines_s = 60;       // ... in this many seconds

// ---- Messages of a broker that an agent shows
inline constexpr std::uint32_t broker_lines_burst = 10;  // notices, refusals, refused streams: each kind
inline constexpr std::uint32_t broker_lines_rate = 1;    // ... per second after that; others are counted

}  // namespace tenfold::rules
