// AppPipe: the right side of the splice: the local app as one Duplex, over one or more connections to it.
//
// A link's stream has one connection, already open, and ends with it. A pooled socket outlives its app's connections:
// the app is dialled at a visitor's first byte, and again for the next visitor if it has closed in between, as apps do
// with idle connections. So the end of a connection between two requests never reaches the server:
//
//   away -> dialling -> open -> away        the app's FIN, RST or bytes while it owes nothing
//             |          |  \-> dialling    the same, before a byte of the next request was written: once
//             v          v
//           answered <---'                  the app cannot be reached, or is too slow: the agent answers in its place
//
// To make sure that no byte was written, the first bytes on a kept connection are held until the end of the turn; by
// then everything that the app has sent is read.
//
// Without a pass the pipe does not know the turns, and only copies.
#pragma once

#include <memory>
#include <string>

#include "agent/forward/app_answer.h"
#include "agent/forward/forwarding.h"
#include "agent/forward/http_pass.h"
#include "agent/forward/question.h"
#include "base/byte_queue.h"
#include "duplex.h"

namespace tenfold {

class AppPipe final : public Duplex, private Duplex::Handler {
 public:
  // For a link's stream. `pass` may be null, and outlives the pipe.
  AppPipe(Forwarding& forwarding, HttpPass* pass, std::unique_ptr<Duplex> connection);
  // For a pooled socket.
  AppPipe(Forwarding& forwarding, HttpPass& pass);
  ~AppPipe() override;

  void set_handler(Duplex::Handler* handler) override;
  std::size_t write(Bytes bytes) override;
  std::size_t queued() const override;
  void end() override;
  void reset(ErrorKind why) override;
  void credit(std::size_t n) override;

  // Ends when no request is under way.
  void leave();

 private:
  enum class State : std::uint8_t {
    away,      // no connection, and no bytes for one
    dialling,  // held_ waits for a connection
    open,
    answered,  // the end was reported: sends nothing more, and discards bytes for the app
    over,
  };

  // The app's connection.
  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t n) override;
  void on_closed(const Error& why) override;

  void dial();
  void on_open(Result<std::unique_ptr<Duplex>> local);
  std::size_t pass_on(Bytes bytes);
  void pass_on_held();
  void look_at_beginning(Bytes bytes);
  void note_cut(const Error& why);
  void after_answer(bool left_over);
  bool owes_answer() const;
  void on_stale();
  void drop_connection();
  void answer(const Error& why);
  void finish_here();
  bool may_finish() const;
  void on_turn_end();
  void on_linger_over();
  void be_over();
  void close(const Error& why);

  void settle_clock();
  void on_too_slow();
  void note_visitor_gone();

  Forwarding& forwarding_;
  Runtime& runtime_;
  HttpPass* const pass_;
  const bool redials_;  // for a pooled socket
  Duplex::Handler* handler_ = nullptr;
  State state_;
  bool idle_ = false;       // open: the connection was used, and nothing was sent on it since
  bool holding_ = false;    // open: held_ waits for the end of the turn
  bool app_ended_ = false;  // open: the app's FIN was passed on
  bool ended_ = false;      // end() was called
  bool leaving_ = false;
  std::unique_ptr<Dialing> dialing_;
  std::unique_ptr<Duplex> connection_;
  ByteQueue held_;              // for the app, not written to a connection; at most the visitor's window
  std::size_t unsent_ = 0;      // written to the connection, not yet reported by on_sent()
  std::size_t uncredited_ = 0;  // delivered by the connection, not credited
  std::size_t owed_ = 0;        // the same for bytes of earlier connections, or of our own answers
  bool raw_ = false;            // without a pass: another protocol has begun
  Question question_;           // what the app was sent, without a pass
  AppAnswer answer_;            // ... and what it answered
  bool spoke_ = false;          // the app has sent bytes on this connection
  bool no_http_ = false;        // ... that are not HTTP, as was reported
  bool unanswered_ = false;     // the app was sent bytes, and has sent none since
  TimePoint last_sent_{};       // of a byte to the app
  TimePoint answered_at_{};     // of the state `answered`
  MemberTimer<AppPipe, &AppPipe::on_turn_end> later_{*this};
  MemberTimer<AppPipe, &AppPipe::on_too_slow> clock_{*this};
  MemberTimer<AppPipe, &AppPipe::on_linger_over> linger_{*this};
};

}  // namespace tenfold
