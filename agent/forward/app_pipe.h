// AppPipe: the local app as the splice sees it, on its right: a Duplex round one connection to the app after the other.
//
// A link's stream has one connection, which stands already, and ends with it. A pooled socket outlives its app's
// connections: the app is dialled at a visitor's first byte, and again for the next visitor when it has closed in
// between: apps close connections that stay silent. So what an app does to a connection that stands between two
// requests never reaches the server:
//
//   away -> dialling -> open -> away        the app's FIN, RST or bytes while it owes nothing
//             |          |  \-> dialling    the same, before a byte of the next request was written: once
//             v          v
//           answered <---'                  the app cannot be reached, or is too slow: the agent answers in its place
//
// So that "before a byte was written" is certain, the first bytes on a kept connection are held back to the end of the
// turn, in which everything that the app said until then is read.
//
// Without a pass nothing is known about turns, and the pipe only copies.
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
  // Of a link's stream. `pass` may be null, and outlives the pipe.
  AppPipe(Forwarding& forwarding, HttpPass* pass, std::unique_ptr<Duplex> connection);
  // Of a pooled socket.
  AppPipe(Forwarding& forwarding, HttpPass& pass);
  ~AppPipe() override;

  void set_handler(Duplex::Handler* handler) override;
  std::size_t write(Bytes bytes) override;
  std::size_t queued() const override;
  void end() override;
  void reset(ErrorKind why) override;
  void credit(std::size_t n) override;

  // Ends as soon as no request is under way.
  void leave();

 private:
  enum class State : std::uint8_t {
    away,      // no connection, and no byte for one
    dialling,  // held_ waits for a connection
    open,
    answered,  // the end was told: nothing more comes from here, and what comes for the app is let go of
    over,
  };

  // The app's connection
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
  const bool redials_;  // a pooled socket's
  Duplex::Handler* handler_ = nullptr;
  State state_;
  bool idle_ = false;       // open: the connection was used, and nothing was sent on it since
  bool holding_ = false;    // open: held_ waits for the turn's end
  bool app_ended_ = false;  // open: the app's FIN was passed on
  bool ended_ = false;      // end() was called
  bool leaving_ = false;
  std::unique_ptr<Dialing> dialing_;
  std::unique_ptr<Duplex> connection_;
  ByteQueue held_;              // for the app, not written to a connection; at most the visitor's window
  std::size_t unsent_ = 0;      // written to the connection, and on_sent() did not tell of it
  std::size_t uncredited_ = 0;  // delivered by the connection, and not credited
  std::size_t owed_ = 0;        // the same of bytes that came before: of former connections, or our own
  bool raw_ = false;            // where there is no pass: another protocol has begun
  Question question_;           // what the app was sent, where there is no pass
  AppAnswer answer_;            // ... and what it said to it
  bool spoke_ = false;          // the app has said something on this connection
  bool no_http_ = false;        // ... that is no HTTP, as was told
  bool unanswered_ = false;     // the app was sent something, and has said nothing since
  TimePoint last_sent_{};       // a byte to the app
  TimePoint answered_at_{};     // of `answered`
  MemberTimer<AppPipe, &AppPipe::on_turn_end> later_{*this};
  MemberTimer<AppPipe, &AppPipe::on_too_slow> clock_{*this};
  MemberTimer<AppPipe, &AppPipe::on_linger_over> linger_{*this};
};

}  // namespace tenfold
