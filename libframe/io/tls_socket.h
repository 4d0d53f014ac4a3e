// TlsSocket: a TLS connection over another Duplex, as a Duplex. A close_notify is FIN; the transport's end without one
// is a cut. Reads and writes before the end of the handshake wait.
//
// Both byte counts are kept in the transport's terms, so that nothing is bounded twice:
//   in:   of the ciphertext delivered, as many bytes stay uncredited as there is plaintext that the
//         handler has not credited. The transport's window bounds both.
//   out:  plaintext counts as queued while the transport has at least as much ciphertext queued. Ciphertext is
//         never shorter than its plaintext, so bytes that count as sent were sent.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/byte_queue.h"
#include "base/limits.h"
#include "duplex.h"
#include "io/loop.h"
#include "tls/tls_context.h"
#include "tls/tls_engine.h"

namespace tenfold {

class TlsSocket final : public Duplex, private Duplex::Handler, private TlsEngine::Handler, private Deferred {
 public:
  // `on_ready`: called once, when the handshake is done (may be empty). A handshake that exceeds
  // limits::tls_handshake_time is on_closed(timeout); one that fails, on_closed(tls). Takes over a new transport: no
  // handler, nothing delivered.
  TlsSocket(Loop& loop, std::unique_ptr<Duplex> transport, std::shared_ptr<TlsContext> context, TlsEngine::Role role,
            std::string_view host, std::function<void()> on_ready = {});
  ~TlsSocket() override;

  void set_handler(Duplex::Handler* handler) override;
  std::size_t write(Bytes bytes) override;
  std::size_t queued() const override;
  void end() override;
  void reset(ErrorKind why) override;
  void credit(std::size_t n) override;

 private:
  // A write of this size becomes records at once, without a copy, unless it shares a record with queued bytes...
  static constexpr std::size_t large_write = 8 * limits::KiB;
  static constexpr std::size_t record = 16 * limits::KiB;  // of plaintext: RFC 8446 5.1
  // ... and a queue of this size does not wait for the end of the turn.
  static constexpr std::size_t full_queue = 64 * limits::KiB;

  // A failure leads from any state to closed.
  //   handshaking -> open -> closed
  enum class State : std::uint8_t { handshaking, open, closed };

  // The transport's events.
  void on_data(Bytes ciphertext) override;
  void on_end() override;
  void on_sent(std::size_t n) override;
  void on_closed(const Error& why) override;
  // The engine's events: on_tls_output() from inside any call, the others from inside on_data() above.
  void on_tls_output(Bytes ciphertext) override;
  void on_tls_ready() override;
  void on_tls_data(Bytes plaintext) override;
  void on_tls_end() override;
  void on_tls_error(const Error& why) override;
  void on_turn_end() override;
  void on_deadline();

  void encrypt();
  void settle_credit();
  void settle_sent();
  void fail(const Error& why);
  void tell();
  bool tell_early();
  std::size_t unsent() const;

  Loop& loop_;
  std::unique_ptr<Duplex> transport_;
  Duplex::Handler* handler_ = nullptr;
  std::function<void()> on_ready_;
  TlsEngine engine_;
  ByteQueue plain_;                       // written in this turn: becomes one record, not one per write
  ByteQueue early_;                       // plaintext that came without a handler
  std::size_t uncredited_ = 0;            // plaintext, early_ included
  std::size_t transport_uncredited_ = 0;  // ciphertext
  std::size_t unsent_ = 0;                // plaintext taken by write() and not reported as sent
  MemberTimer<TlsSocket, &TlsSocket::on_deadline> deadline_{*this};
  Error failure_;  // to be reported in tell()
  State state_ = State::handshaking;
  bool ended_ = false;      // end() was called
  bool end_heard_ = false;  // the peer's close_notify came
  bool end_told_ = false;   // ... and was reported
};

}  // namespace tenfold
