// The caps and deadlines that libframe keeps itself, each with its reason: what a peer can make us hold or wait for.
// The programs' own are in broker/rules.h and agent/rules.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace tenfold::limits {

inline constexpr std::size_t KiB = 1024;
inline constexpr std::size_t MiB = 1024 * KiB;

// ---- A request at the edge -------------------------------------------------
inline constexpr std::size_t head_bytes = 32 * KiB;       // cookies and tokens fit; beyond: 431
inline constexpr std::size_t head_buffer_kept = 4 * KiB;  // a larger buffer is not kept for the next head...
inline constexpr std::size_t head_buffers_kept = 256;     // ... nor are more of them: for heads that are read at once
inline constexpr std::size_t head_fields = 100;           // beyond: 431
inline constexpr std::size_t request_line_bytes = 16 * KiB;    // beyond: 414
inline constexpr std::size_t forwarded_head_bytes = 64 * KiB;  // a request's as the broker wrote it: no visitor's head,
inline constexpr std::size_t forwarded_fields = 128;           // with all that is added to it, may be too large within
inline constexpr std::size_t answer_head_bytes = 128 * KiB;    // an app's: cookies, policies, hints; beyond: 502
inline constexpr std::size_t answer_fields = 256;              // ... likewise
inline constexpr std::size_t chunk_extension_bytes = 4 * KiB;  // in one message: nobody uses them, floods do
inline constexpr std::size_t trailer_bytes = 8 * KiB;
inline constexpr std::size_t interim_answers = 16;  // 1xx before one final answer: an endless row is a fault
inline constexpr Duration tls_handshake_time = 10s;
inline constexpr Duration head_time = 10s;             // for the whole head: beyond: 408 and close
inline constexpr Duration keep_alive_idle = 75s;       // between two requests; proxies reuse theirs for 60 s
inline constexpr Duration keep_alive_grace = 1s;       // more than `Keep-Alive: timeout=` says: bytes are under way
inline constexpr Duration body_idle = 5min;            // a silent sender of a body of known length
inline constexpr Duration stream_idle = 1h;            // ... of unknown length, and an upgraded stream: events are rare
inline constexpr Duration reader_idle = 1h;            // a visitor who takes nothing of what waits for him
inline constexpr Duration first_byte_time = 10min;     // the app's answer: breakpoints, reports; beyond: 504
inline constexpr std::size_t request_kept = 64 * KiB;  // of a request's body, for one more try
inline constexpr Duration half_close_time = 5s;        // of silence behind a visitor's FIN: then he has left
inline constexpr Duration linger_time = 2s;     // of silence after the last word, so that a RST does not overtake it
inline constexpr Duration linger_refused = 5s;  // ... however much still comes behind a request that was no request
inline constexpr Duration linger_most = 30s;    // ... however much still comes
inline constexpr Duration parting_time = 5s;    // an app that takes nothing of what a visitor sent before his cut
inline constexpr Duration parting_kernel = 2s;  // the same for what the kernel has, of a socket that is cut
inline constexpr std::size_t parting_sockets = 256;  // cut, and still sending: beyond: reset at once

// ---- What is held for whom ---------------------------------------------------
inline constexpr std::size_t data_payload = 16384 - 9;          // one DATA frame with its header is one TLS record
inline constexpr std::size_t read_at_once = 4 * data_payload;   // of a socket: bulk goes on in full frames and records
inline constexpr std::size_t buffered_high = 4 * read_at_once;  // per stream and direction: then its source pauses
inline constexpr std::size_t buffered_low = 32 * KiB;           // ... and resumes here
inline constexpr std::size_t tunnel_buffered = 16 * MiB;  // all streams of one link together: then the link is pressed
inline constexpr std::size_t tunnel_buffered_low = 8 * MiB;    // ... until no more than this are held
inline constexpr std::size_t tunnel_buffered_most = 64 * MiB;  // a link never holds more: it is pressed early enough
inline constexpr Duration spare_time = 3s;                     // spare blocks go back after this, or twice this

// ---- The link ------------------------------------------------------------------
inline constexpr std::uint32_t link_streams = 1000;              // at once on one link
inline constexpr std::uint32_t stream_window = 256 * KiB;        // where a stream's window starts
inline constexpr std::uint32_t stream_window_most = 16 * MiB;    // where it stops growing
inline constexpr std::uint32_t stream_window_pressed = 8 * KiB;  // ... of a link that holds too much already
inline constexpr Duration pressed_time = 1s;                     // so long at least, for SETTINGS are no light thing
inline constexpr std::size_t windows_grown = 32 * MiB;           // what all streams of a link may grow by together
inline constexpr std::uint32_t window_kept = 4 * MiB;            // a stream with a larger one serves no second request
inline constexpr Duration company_time = 10ms;                   // streams that were heard within it share the path
inline constexpr std::uint32_t link_window = 16 * MiB;           // the connection's
inline constexpr std::size_t control_message_bytes = 64 * KiB;
inline constexpr std::uint32_t control_burst =
    100;                                           // messages in one go: Hello and a Register for each tunnel of a link
inline constexpr std::uint32_t control_rate = 10;  // ... and a second after that; answers to a Register are free
inline constexpr std::size_t link_header_list = 64 * KiB;  // name + value + 32 each, RFC 9113 6.5.2
inline constexpr std::size_t link_continuations = 8;       // in one header block
inline constexpr std::size_t link_target_bytes = 1 * KiB;  // a stream's name, or its peer: HEADERS stay one small frame
inline constexpr std::size_t control_queued = 1 * MiB;  // to a peer that does not read its control stream: then it goes
inline constexpr std::size_t link_acks_queued = 2000;   // PING and SETTINGS answers to a peer that does not read
inline constexpr Duration ping_every = 5s;
inline constexpr int pings_missed = 2;         // then the link is dead
inline constexpr Duration user_timeout = 10s;  // TCP_USER_TIMEOUT: unacknowledged data on a dead path
inline constexpr Duration tcp_keepalive =
    30s;  // of quiet before a probe: NATs forget a connection after a minute or more
inline constexpr std::uint32_t flood_burst = 1000;            // frames that carry nothing, in one go
inline constexpr std::uint32_t flood_rate = 100;              // ... and a second after that
inline constexpr std::uint64_t link_reset_burst = 1'000'000;  // the agent's budget for visitors' cancels
inline constexpr std::uint64_t link_reset_rate = 100'000;     // ... a second: the edge limits visitors, not the link
inline constexpr std::int32_t last_stream_id = 1 << 30;       // rotate the link here, long before ids end at 2^31-1
inline constexpr std::size_t stream_quantum = 16 * KiB;       // of one stream, before the next ready one
inline constexpr std::size_t flush_small = 16 * KiB;          // gathered for one write
inline constexpr std::size_t flush_bulk = 128 * KiB;          // ... unless the path is slow
inline constexpr Duration flush_slow = 10ms;     // it is where what the kernel left of a write waits so long
inline constexpr Duration flush_slow_time = 1s;  // ... and so long after that
inline constexpr int notsent_lowat = 128 * KiB;  // TCP_NOTSENT_LOWAT on a link: a PING passes bulk
inline constexpr std::uint64_t tls_records_per_key = std::uint64_t{1} << 23;  // then SSL_key_update

// ---- HTTP/2 on the public side -------------------------------------------------------
inline constexpr std::uint32_t h2_streams = 100;                // requests of one connection at once
inline constexpr std::uint32_t h2_stream_window = 64 * KiB;     // of a request's body
inline constexpr std::uint32_t h2_connection_window = 1 * MiB;  // ... of all of them, in flight
inline constexpr std::size_t h2_windows_grown = 4 * MiB;        // what the streams of a connection may grow by together
inline constexpr std::size_t h2_header_list = 64 * KiB;         // name + value + 32 each; beyond: 431
inline constexpr std::size_t h2_header_list_most = 256 * KiB;   // ... which makes no bomb: beyond: GOAWAY
inline constexpr std::size_t h2_continuations = 8;              // in one header block
inline constexpr std::uint32_t h2_reset_burst = 200;            // streams reset, by either side, in one go
inline constexpr std::uint32_t h2_reset_rate = 20;              // ... and a second after that
inline constexpr std::size_t h2_acks_queued = 1000;   // PING and SETTINGS answers to a client that does not read
inline constexpr std::size_t h2_flush = 64 * KiB;     // gathered for one write
inline constexpr Duration keep_alive_idle_h2 = 120s;  // a connection without a request

// ---- Life -------------------------------------------------------------------------
inline constexpr Duration drain_time = 30s;
inline constexpr Duration drain_grace = 1s;        // for what is ended at its end: to be sent, and answered by a FIN
inline constexpr std::size_t dial_addresses = 16;  // of one name: more would outlast any deadline

// ---- Answers of broker and agent -----------------------------------------------------
inline constexpr std::uint64_t retry_after_s = 5;  // such an answer's Retry-After, in seconds

inline constexpr std::size_t tunnels_per_link = 100;  // that Register may ask for, token or not

// ---- Lines on stderr and stdout ------------------------------------------------------
inline constexpr std::size_t output_queued = 128 * KiB;   // for a reader that is slow; beyond: dropped and counted
inline constexpr std::size_t output_reserved = 32 * KiB;  // ... and for the few that others must not crowd out: the URL
inline constexpr Duration output_stalled = 1s;  // a reader that takes nothing for so long is not waited for at the end
inline constexpr Duration output_flush_time = 5s;  // ... nor is a slow one for longer than this

}  // namespace tenfold::limits
