// VisitorPipe: the pipe that visitors come by, as the splice sees it: the same Duplex, with a HostRewriter in the
// way in, and an eye on whose turn it is.
//
// Credit: rewriting changes how many bytes there are. What the far side may send on grows by the same share of what
// came in as has left of what went out, so that neither a longer nor a shorter Host lets more pile up than the pipe's
// window.
//
// A pooled socket ends as one (docs/CLASSIC.md, "pool-half-close"): after either end's FIN the other may finish what it
// has to say, and limits::classic_quiet without a byte is the end of both. Else an application that keeps its
// connection would keep the socket's place in the pool.
#pragma once

#include <memory>

#include "agent/host_rewriter.h"
#include "base/byte_queue.h"
#include "base/runtime.h"
#include "duplex.h"

namespace tenfold {

class VisitorPipe final : public Duplex, private Duplex::Handler {
 public:
  enum class Ends { apart, as_one };

  // `rewriter` may be null: the bytes go through as they are.
  VisitorPipe(Runtime& runtime, std::unique_ptr<Duplex> pipe, std::unique_ptr<HostRewriter> rewriter, Ends ends);

  void set_handler(Duplex::Handler* handler) override;
  std::size_t write(Bytes bytes) override;
  std::size_t queued() const override { return pipe_->queued(); }
  void end() override;
  void reset(ErrorKind why) override;
  void credit(std::size_t n) override;

  // Whether the last byte was the app's, and when it came: an answered pipe that has been
  // silent for a while stands between two requests.
  bool answered() const { return answered_; }
  TimePoint last_byte() const { return last_byte_; }

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
  void wind_down();
  void on_quiet();

  Runtime& runtime_;
  std::unique_ptr<Duplex> pipe_;
  std::unique_ptr<HostRewriter> rewriter_;
  Duplex::Handler* handler_ = nullptr;
  MemberTimer<VisitorPipe, &VisitorPipe::pass_on_held> later_{*this};  // passes held_ on in a turn of its own
  MemberTimer<VisitorPipe, &VisitorPipe::on_quiet> quiet_{*this};      // from the first FIN of a pipe that ends as one

  ByteQueue held_;            // came, and waits for the app's verdict or a handler
  std::size_t absorbed_ = 0;  // bytes of a head that is not whole yet
  std::uint64_t out_ = 0;     // passed on and not credited yet
  std::uint64_t in_ = 0;      // ... as it came, where there is a rewriter
  bool end_held_ = false;     // the visitor's FIN stands behind held_
  bool close_held_ = false;   // ... and the clean close behind that
  bool done_ = false;         // reset, or on_closed() was passed on
  bool answered_ = false;
  const Ends ends_;
  TimePoint last_byte_{};
};

}  // namespace tenfold
