// VisitorPipe: the left side of the splice: the visitors' pipe as the same Duplex, with an HttpPass on its input, which
// may change the bytes or hold them back.
//
// Credit: changing heads changes the number of bytes. When a share of the bytes passed on has left, the same share of
// the bytes received is credited, so that the pipe's window bounds what is held, whether heads grow or shrink.
//
// A pooled socket ends as a whole (docs/CLASSIC.md, "pool-half-close"): after the FIN of one side the other may finish,
// and rules::classic_quiet without a byte ends both. Otherwise an app that keeps its connection would keep the socket's
// place in the pool. Only a request that is under way when the server ends its side gets the time that its answer
// takes: a server that has given it up cuts the socket.
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

  // `pass` outlives the pipe; it reads the app's bytes before they are written here. `on_half_closed`, for a pipe that
  // ends as a whole: the visitor's side has ended after a request that is under way.
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

  // Ends soon: a pipe that ends as a whole no longer waits for last bytes, and at most limits::half_close_time for an
  // answer that the server may have given up.
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
  MemberTimer<VisitorPipe, &VisitorPipe::pass_on_held> later_{*this};  // passes held_ on in a separate turn
  MemberTimer<VisitorPipe, &VisitorPipe::on_quiet> quiet_{*this};  // from the first FIN of a pipe that ends as a whole

  ByteQueue held_;                     // received, waits for the app's answer or a handler
  std::size_t absorbed_ = 0;           // bytes of an incomplete head
  std::uint64_t out_ = 0;              // passed on, not yet credited
  std::uint64_t in_ = 0;               // ... in bytes received
  bool end_held_ = false;              // the visitor's FIN follows held_
  std::unique_ptr<Error> close_held_;  // ... and the close follows that
  bool visited_ = false;
  bool answered_ = false;   // the last byte came from the app
  bool in_ended_ = false;   // the visitor's FIN was passed on
  bool out_ended_ = false;  // end() was called
  bool leaving_ = false;
  bool done_ = false;  // reset, or on_closed() was passed on
  const Ends ends_;
  TimePoint last_byte_{};
};

}  // namespace tenfold
