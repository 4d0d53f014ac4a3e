// LinkStream: one stream of a link, a Duplex. END_STREAM is its FIN, RST_STREAM its
// reset: CANCEL (cancelled), REFUSED_STREAM (refused), CONNECT_ERROR (anything else).
//
// Each way goes by itself:   flowing -> ending (end() behind what is queued; or END_STREAM came and is
// not told yet) -> ended. When both have ended, or either side resets, the stream is over: it lets go of
// its link, and tells its handler what that has not heard yet.
//
// A stream without a handler is paused: what comes is held, at most a window of it, and told in a later turn after
// there is a handler again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/byte_queue.h"
#include "base/error.h"
#include "base/runtime.h"
#include "duplex.h"
#include "http2/turn_list.h"
#include "http2/window_growth.h"
#include "mux/link.h"

namespace tenfold {

class LinkStream final : public Duplex, private Turn {
 public:
  ~LinkStream() override;

  void set_handler(Handler* handler) override;
  std::size_t write(Bytes bytes) override;
  std::size_t queued() const override { return queued_; }
  void end() override;
  void reset(ErrorKind why) override;
  void credit(std::size_t n) override;

  // Agent only, once, before any write(): `:status 200`, the local dial worked.
  void accept();
  // Agent only, instead, and the last call: 502 (504 for timeout) with `tenfold-cause` and END_STREAM. The broker's
  // stream hears on_closed() of that kind: refused, timeout, dns, tls or limit; between replicas also absent and denied
  // (421), and silent (503: the agent's link was lost). No further event here.
  void refuse(ErrorKind cause);
  // Agent only, instead: accept() comes with the first write() or end(). A reset() before that of a kind that refuse()
  // carries, for the far side of a splice was not reached, becomes refuse().
  void answer_lazily();
  bool answered() const { return answered_; }

  // What the opener asked for; empty on the broker's side.
  std::string_view name() const { return std::string_view(target_).substr(0, name_size_); }
  std::string_view peer() const { return std::string_view(target_).substr(name_size_); }
  // Between replicas: the version of the visitors' rules that the opener has checked.
  std::uint64_t policy() const { return policy_; }

  std::int32_t id() const { return id_; }

  // Whether to keep it for another message, when it stands between two: a window never shrinks, and what windows may
  // grow by is shared by all streams of the link, so one that took much of that ends with its message.
  bool worth_keeping() const;

 private:
  friend class Link;

  enum class Way : std::uint8_t { flowing, ending, ended };

  LinkStream(Link::Core& core, Runtime& runtime, std::int32_t id, const StreamTarget& target, std::uint32_t window);

  // From the link, inside its events.
  void on_data(Bytes bytes);
  void on_end();
  void on_sent(std::size_t n);
  // The link has let go of the stream. What is held is told first.
  void on_closed(const Error& why);

  bool has_output() const { return !out_.empty() || out_way_ == Way::ending; }
  bool has_news() const;
  void tell_later();
  // Tells what was held back; by the timer.
  void tell();
  bool tell_data();

  Link::Core* core_;  // null: over, as far as the link is concerned
  Runtime& runtime_;
  Handler* handler_ = nullptr;
  ByteQueue out_;                // written, not in a frame yet
  ByteQueue held_;               // arrived, not told yet
  std::size_t queued_ = 0;       // written, on_sent() not told yet
  std::size_t sent_untold_ = 0;  // ... of these, in a frame already
  std::size_t uncredited_ = 0;   // arrived, not credited yet
  WindowGrowth growth_;
  std::unique_ptr<Error> closing_;  // on_closed() that is not told yet
  std::string target_;              // name, then peer
  std::uint64_t policy_;
  std::uint32_t name_size_;
  std::int32_t id_;
  Way out_way_ = Way::flowing;
  Way in_way_ = Way::flowing;
  bool silent_ = false;        // nothing more is told: reset here, or on_closed() was told
  bool head_sent_ = false;     // our HEADERS left, so that DATA may follow
  bool answered_ = false;      // the agent's 200
  bool lazy_ = false;          // ... comes with the first byte
  bool blocked_ = false;       // no window: out of the rotation until that opens
  std::uint8_t interims_ = 0;  // 1xx before the answer
  MemberTimer<LinkStream, &LinkStream::tell> later_{*this};
};

}  // namespace tenfold
