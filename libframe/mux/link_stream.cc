#include "mux/link_stream.h"

#include <cassert>
#include <utility>

#include "mux/link_core.h"

namespace tenfold {

static_assert(sizeof(LinkStream) <= 320, "a thousand idle streams on each of a thousand links");
static_assert(sizeof(BlockPool::Block::data) == Nghttp2Glue::frame_header + limits::data_payload,
              "a block is one frame");

namespace {

// Why a local dial failed: what an answer other than 200 can say.
bool may_be_refused(ErrorKind why) {
  return why == ErrorKind::refused || why == ErrorKind::timeout || why == ErrorKind::dns || why == ErrorKind::tls ||
         why == ErrorKind::limit;
}

}  // namespace

LinkStream::LinkStream(Link::Core& core, Runtime& runtime, std::int32_t id, const StreamTarget& target,
                       std::uint32_t window)
    : core_(&core),
      runtime_(runtime),
      out_(runtime.blocks, Nghttp2Glue::frame_header),
      held_(runtime.blocks),
      growth_(window, runtime.now()),
      policy_(target.policy),
      name_size_(static_cast<std::uint32_t>(target.name.size())),
      id_(id) {
  target_.reserve(target.name.size() + target.peer.size());
  target_ += target.name;
  target_ += target.peer;
}

LinkStream::~LinkStream() { reset(ErrorKind::cancelled); }

void LinkStream::set_handler(Handler* handler) {
  if (silent_) return;
  handler_ = handler;
  if (handler != nullptr && has_news()) tell_later();
}

std::size_t LinkStream::write(Bytes bytes) {
  if (core_ == nullptr || out_way_ != Way::flowing) return bytes.size();
  if (lazy_) accept();
  assert(answered_ || core_->role() == Link::Role::broker);
  out_.append(bytes);
  queued_ += bytes.size();
  core_->on_written(*this, bytes.size());
  return 0;
}

void LinkStream::end() {
  if (core_ == nullptr || out_way_ != Way::flowing) return;
  if (lazy_) accept();
  assert(answered_ || core_->role() == Link::Role::broker);
  out_way_ = Way::ending;
  core_->on_written(*this, 0);
}

void LinkStream::reset(ErrorKind why) {
  if (silent_) return;
  if (lazy_ && may_be_refused(why)) return refuse(why);
  silent_ = true;
  handler_ = nullptr;
  held_.clear();
  closing_.reset();
  if (core_ != nullptr) core_->cut(*this, reset_code(why));
}

void LinkStream::credit(std::size_t n) {
  if (silent_) return;
  assert(n <= uncredited_);
  uncredited_ -= n;
  if (core_ != nullptr) core_->on_credit(*this, n);
}

bool LinkStream::worth_keeping() const { return core_ != nullptr && core_->worth_keeping(*this); }

void LinkStream::accept() {
  if (core_ == nullptr) return;
  assert(!answered_);
  answered_ = true;
  lazy_ = false;
  core_->accept(*this);
}

void LinkStream::answer_lazily() {
  assert(!answered_);
  lazy_ = core_ != nullptr;
}

void LinkStream::refuse(ErrorKind cause) {
  if (silent_) return;
  assert(!answered_);
  silent_ = true;
  handler_ = nullptr;
  held_.clear();
  closing_.reset();
  if (core_ != nullptr) core_->refuse(*this, cause);
}

void LinkStream::on_data(Bytes bytes) {
  uncredited_ += bytes.size();
  if (handler_ == nullptr || !held_.empty()) return held_.append(bytes);
  handler_->on_data(bytes);
}

void LinkStream::on_end() {
  in_way_ = Way::ending;
  if (handler_ == nullptr || !held_.empty()) return;
  in_way_ = Way::ended;
  handler_->on_end();
}

void LinkStream::on_sent(std::size_t n) {
  if (handler_ == nullptr) {
    sent_untold_ += n;
    return;
  }
  queued_ -= n;
  handler_->on_sent(n);
}

void LinkStream::on_closed(const Error& why) {
  // What came before an abort is told before it; what was to go has nowhere to go.
  if (why) {
    out_.clear();
    queued_ = 0;
    sent_untold_ = 0;
  }
  if (handler_ == nullptr || has_news()) {
    closing_ = std::make_unique<Error>(why);
    return;
  }
  silent_ = true;
  std::exchange(handler_, nullptr)->on_closed(why);
}

bool LinkStream::has_news() const {
  return !held_.empty() || sent_untold_ != 0 || in_way_ == Way::ending || closing_ != nullptr;
}

void LinkStream::tell_later() { runtime_.timers.arm_in(later_, Duration::zero()); }

void LinkStream::tell() {
  if (handler_ == nullptr || !tell_data()) return;
  if (const std::size_t n = std::exchange(sent_untold_, 0); n != 0) {
    queued_ -= n;
    handler_->on_sent(n);
  }
  if (handler_ != nullptr && in_way_ == Way::ending) {
    in_way_ = Way::ended;
    handler_->on_end();
  }
  if (handler_ != nullptr && closing_ != nullptr) {
    const std::unique_ptr<Error> why = std::move(closing_);
    on_closed(*why);
  }
}

// Whether there is still someone to tell.
bool LinkStream::tell_data() {
  // Out of the stream's hands meanwhile, for a handler may reset the stream while it reads.
  ByteQueue telling = std::move(held_);
  while (!telling.empty()) {
    const Bytes front = telling.front();
    handler_->on_data(front);
    telling.consume(front.size());
    if (handler_ != nullptr) continue;
    if (!silent_) held_ = std::move(telling);
    return false;
  }
  return handler_ != nullptr;
}

}  // namespace tenfold
