// VisitorPipe: the pipe that visitors come by, as the splice sees it: the same Duplex, with an HttpPass in the way in,
// which may change what comes, or hold it back.
//
// Credit: changing heads changes how many bytes there are. What the far side may send on grows by the same share of
// what came in as has left of what went out, so that neither a longer nor a shorter head lets more pile up than the
// pipe's window.
//
// A pooled socket ends as one (docs/CLASSIC.md, "pool-half-close"): after either end's FIN the other may finish what it
// has to say, and rules::classic_quiet without a byte is the end of both. Else an application that keeps its
// connection would keep the socket's place in the pool. Only a request that is under way when the server ends its side
// gets the time that its answer takes: a server that has given it up cuts the socket.
#pragma once

#include <functional>
#include <memory>

#include "agent/forward/http_pass.h"
#include "agent/rules.h"
#include "base/byte_queue.h"
#include "base/runtime.h"
#include "duplex.h"

namespace tenfold {

class VisitorPipe final : public Duplex, private Duplex::Handler {
 public:
  enum class Ends { apart, as_one };

  // `pass` outlives the pipe; the app's bytes are read by it before they are written here. `on_half_closed`, of a pipe
  // that ends as one: the visitor's side has ended behind a request that is under way.
  VisitorPipe(Runtime& runtime, std::unique_ptr<Duplex> pipe, HttpPass& pass, Ends ends,
              std::function<void()> on_half_closed = {});

  void set_handler(Duplex::Handler* handler) override;
  std::size_t write(Bytes bytes) override;
  std::size_t queued() const override { return pipe_->queued(); }
  void end() override;
  void reset(ErrorKind why) override;
  void credit(std::size_t n) override;

  // Whether any byte came from the visitor's side.
  bool visited() const { return visited_; }

  // Ends soon: a pipe that ends as one waits for no last words any more, and limits::half_close_time for an answer that
  // the server may have given up.
  void leave();

 private:
  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t n) override;
  void on_closed(const Error& why) override;

  bool running() const { return handler_ != nullptr && !done_; }
  std::size_t pass_on(Bytes bytes);
  void pass_on_held();
  void fail();
  void pass_on_end();
  bool under_way() const;
  Duration patience() const;
  void wind_down();
  void on_quiet();

  Runtime& runtime_;
  std::unique_ptr<Duplex> pipe_;
  HttpPass& pass_;
  const std::function<void()> on_half_closed_;
  Duplex::Handler* handler_ = nullptr;
  MemberTimer<VisitorPipe, &VisitorPipe::pass_on_held> later_{*this};  // passes held_ on in a turn of its own
  MemberTimer<VisitorPipe, &VisitorPipe::on_quiet> quiet_{*this};      // from the first FIN of a pipe that ends as one

  ByteQueue held_;                     // came, and waits for the app's verdict or a handler
  std::size_t absorbed_ = 0;           // bytes of a head that is not whole yet
  std::uint64_t out_ = 0;              // passed on and not credited yet
  std::uint64_t in_ = 0;               // ... as it came
  bool end_held_ = false;              // the visitor's FIN stands behind held_
  std::unique_ptr<Error> close_held_;  // ... and the close behind that
  bool visited_ = false;
  bool answered_ = false;   // the last byte was the app's
  bool in_ended_ = false;   // the visitor's FIN was passed on
  bool out_ended_ = false;  // end() was called
  bool leaving_ = false;
  bool done_ = false;  // reset, or on_closed() was passed on
  const Ends ends_;
  TimePoint last_byte_{};
};

}  // namespace tenfold
