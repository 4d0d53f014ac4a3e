// The broker's own rules and times: what it grants, keeps and waits for. Options start from these. The caps that its
// library needs are libframe's (base/limits.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/limits.h"
#include "base/time.h"

namespace tenfold::broker::rules {

using limits::KiB;
using limits::MiB;

// ---- Who may connect and make tunnels --------------------------------------
inline constexpr std::size_t tunnels_per_ip = 10;
inline constexpr std::size_t creates_per_ip = 10;  // in creates_window
inline constexpr Duration creates_window = 60s;
// Of agents' links: 100 in any second at most, when a thousand agents come back at once.
inline constexpr std::uint32_t handshakes_burst = 40;
inline constexpr std::uint32_t handshakes_per_second = 60;
inline constexpr std::uint64_t busy_retry_after_s = 1;  // beyond that; agents add a wait of their own, at random
inline constexpr std::size_t connections_per_ip = 256;
inline constexpr std::size_t own_descriptors = 32;         // of the process itself: listeners, loop, log, files
inline constexpr std::size_t config_bytes = 1 * MiB;       // of a token or configuration file
inline constexpr std::size_t registration_text = 6 * KiB;  // in a handshake's field: nginx refuses a line of 8 KiB
inline constexpr std::size_t password_checks = 64;         // of visitors, at once: each is 16 MiB and 50 ms of a thread
inline constexpr std::size_t verdicts_kept = 10'000;       // of password checks
inline constexpr Duration verdict_kept = 60s;              // how long each is remembered
inline constexpr std::size_t proxy_header_line = 107;      // PROXY protocol version 1, with CRLF: its own maximum
inline constexpr std::size_t proxy_header_bytes = 4 * KiB;  // ... version 2, with TLVs: certificates' names fit
inline constexpr Duration proxy_header_time = 3s;           // from accept to its end: a balancer sends it at once
inline constexpr Duration first_request_time = 500ms;       // after the drain's begin, of who had just connected: a
                                                            // request follows at once, or is a browser's guess

// ---- Names -----------------------------------------------------------------
inline constexpr Duration registry_time = 3s;       // a lookup's answer, and a claim's; then 503 `registry-away`
inline constexpr Duration name_held = 60s;          // for its owner, after its last tunnel has gone
inline constexpr Duration claim_unattached = 60s;   // a claim of which no tunnel has come
inline constexpr Duration resume_token_life = 24h;  // renewed at half of it
inline constexpr std::size_t resume_token_bytes =
    1 * KiB;                                          // of a token that an agent shows: the longest name and owner
inline constexpr std::size_t cluster_key_least = 32;  // characters of a key that seals them
inline constexpr std::size_t cluster_key_most = 1 * KiB;
inline constexpr std::size_t cluster_keys = 2;     // while they rotate: the new one, and the one before
inline constexpr std::size_t instance_least = 16;  // characters of an agent's instance: not to be guessed
inline constexpr std::size_t instance_most = 64;
inline constexpr Duration warmup_time = 15s;    // after the start an unknown name may be on its way back: 503
inline constexpr Duration takeover_wait = 3s;   // ... and is waited for, where another broker hands over
inline constexpr std::size_t host_shown = 253;  // of a Host in a sentence: the longest DNS name

// ---- A request and its app -------------------------------------------------
inline constexpr Duration keep_alive_idle_proxy = 620s;  // of a listed proxy: Google's reuse theirs for 600 s
inline constexpr std::size_t interim_bytes = 32 * KiB;   // of all 1xx of one answer: a slow reader holds none back
inline constexpr Duration reader_stands = 5s;    // a visitor who takes nothing while somebody else waits for the pipe
inline constexpr Duration app_stuck_time = 2s;   // without an answer: idle pipes may be what the app waits for
inline constexpr Duration verdict_time = 2s;     // for an agent to say that it began nothing of a request
inline constexpr Duration idle_pipe_time = 30s;  // a pipe between two requests: apps close theirs after 5 to 75 s
inline constexpr std::size_t waiting_visitors = 256;   // of a tunnel, for a stream or a pooled socket: beyond: 503
inline constexpr Duration waiting_time = 10s;          // how long each waits: then 503
inline constexpr std::size_t link_shares = 2;          // 1/2 of a link's streams: what one tunnel has while others
                                                       // wait, and what is idle
inline constexpr std::size_t spare_assignments = 256;  // of the desk, kept for the next requests
inline constexpr std::size_t memory_limit_least = 16 * MiB;  // of --memory-limit: a few readers must fit
inline constexpr std::size_t memory_limit_part = 4;          // 1/4 of the machine's memory, unless it is given

// ---- Going down ------------------------------------------------------------
inline constexpr Duration drain_timeout = 5min;     // what runs when the broker is told to stop
inline constexpr Duration drain_delay = 5s;         // with --health or replicas: a balancer looks twice, a second apart
inline constexpr Duration agents_leave_time = 10s;  // after the delay: a back-off of 3 s, a dial, and their names
inline constexpr Duration announce_step = 50ms;     // how often some more agents are told

// ---- Classic tunnels -------------------------------------------------------
inline constexpr Duration claim_window = 5s;        // from the JSON to the first pooled socket
inline constexpr Duration classic_empty = 60s;      // a pool without a socket: then its client has gone
inline constexpr std::size_t classic_sockets = 10;  // max_conn_count
inline constexpr std::size_t classic_parked = 64;   // sockets beyond max_conn that wait, unread, for a place: a client
                                                    // that is refused dials again at once
inline constexpr std::size_t classic_unclaimed = 64;  // ports of one address that wait for their first socket

// ---- The operator's doors ----------------------------------------------------
inline constexpr std::size_t access_method = 32;       // bytes of a method in the access log
inline constexpr std::size_t access_target = 2 * KiB;  // ... of a path with its query
inline constexpr std::size_t access_reason = 64;       // ... of a rejected request's reason
inline constexpr std::size_t access_batch = 32 * KiB;  // lines of the access log that wait for their writer...
inline constexpr Duration access_delay = 100ms;        // ... and for how long
inline constexpr Duration access_report = 60s;         // between two log lines about dropped ones
inline constexpr std::size_t access_queued = 8 * MiB;  // ... beyond: dropped and counted
inline constexpr std::size_t agent_shown = 64;         // of what an agent calls itself
inline constexpr std::size_t reject_reasons = 64;      // that are counted apart
inline constexpr std::size_t name_bans = 10'000;       // names that are banned at once
inline constexpr Duration ban_most = 720h;             // for how long: 30 days
inline constexpr std::size_t admin_connections = 64;   // of each: probes, scrapes and some pages
inline constexpr std::size_t admin_body = 4 * KiB;     // of a request's body, which is discarded; beyond: 413

// ---- Replicas, and the registry that they share ------------------------------
inline constexpr Duration lease_time = 10s;     // a replica that has not renewed for so long is off the air
inline constexpr Duration renew_every = 3s;     // the lease: two may be lost
inline constexpr Duration name_kept = 7 * 24h;  // of a name with members: more than a clock that is set a day off;
                                                // written again at half of it
inline constexpr Duration registry_backoff_least = 100ms;        // between two dials of the registry
inline constexpr Duration registry_backoff_most = 3s;            // ... after the first few
inline constexpr Duration registry_silent = 1s;                  // without an answer: the connection is given up
inline constexpr std::size_t registry_reply_bytes = 1 * MiB;     // that one reply may announce
inline constexpr std::size_t registry_reply_items = 16'384;      // ... in all its arrays
inline constexpr std::size_t registry_reply_depth = 6;           // ... in each other: XREAD has 5
inline constexpr std::size_t registry_line_bytes = 4 * KiB;      // of an error's text
inline constexpr std::size_t registry_commands = 4096;           // that wait for an answer; beyond: away
inline constexpr std::size_t registry_command_bytes = 16 * MiB;  // ... all of them together
inline constexpr std::size_t registry_changes = 64;              // names that are published at once
inline constexpr std::size_t registry_wishes =
    20'000;                                           // names that ended while the registry is away: beyond, forgotten
inline constexpr Duration registry_retry = 1s;        // before a change that was not made is tried again
inline constexpr int registry_change_tries = 8;       // of one change, where others change the name, too
inline constexpr int registry_claims_of_name = 16;    // that no tunnel has come of yet: beyond, the oldest goes
inline constexpr int registry_members_of_name = 100;  // that join: beyond, none more
inline constexpr std::size_t registry_unknown_replicas = 1024;  // remembered between two renewals
inline constexpr Duration learned_kept = 60s;                   // where a name stands, as the registry said it
inline constexpr Duration unknown_kept = 1s;                    // that it stands nowhere
inline constexpr std::size_t learned_least = 10'000;            // names of both kinds before old ones are forgotten
inline constexpr std::size_t registry_lookups = 256;            // at once; the others wait for their turn
inline constexpr int random_name_tries = 8;                     // of a claim for any name
inline constexpr Duration registry_event_wait = 5s;             // of one blocking read
inline constexpr std::size_t registry_events_kept = 10'000;     // in the stream, about
inline constexpr std::size_t registry_events_at_once = 500;     // of one read
inline constexpr Duration registry_fault_line = 60s;            // between two log lines about records of no use

// ---- Links between replicas ----------------------------------------------------
inline constexpr Duration peer_dial_time = 2s;               // name, TCP, TLS and 101; then 502
inline constexpr Duration peer_dial_rest = 500ms;            // after a failed dial: who asks meanwhile hears the same
inline constexpr Duration peer_idle_pipe_time = 5s;          // the other side cannot see that a stream is idle
inline constexpr Duration peer_link_idle = 10min;            // without a stream: then it is closed
inline constexpr std::size_t peer_links = 64;                // that this replica dials
inline constexpr std::uint64_t peer_link_streams = 1 << 28;  // ever, of one link: half of the ids that there are
inline constexpr std::uint32_t peer_streams = 10'000;        // at once, of one link
inline constexpr std::size_t peer_held = 160 * MiB;          // for so many streams' slow readers, of one link
inline constexpr std::size_t peer_connections = 256;         // that this replica accepts
inline constexpr std::size_t peer_handshakes = 64;           // ... that are not links yet
inline constexpr Duration peer_handshake_time = 5s;          // from accept to the request

}  // namespace tenfold::broker::rules
