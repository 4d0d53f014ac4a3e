#include "base/byte_queue.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace tenfold {

BlockPool::~BlockPool() {
  assert(in_use_ == 0);
  while (free_ != nullptr) delete std::exchange(free_, free_->next);
}

BlockPool::Block* BlockPool::take() {
  Block* block = free_;
  if (block != nullptr) {
    free_ = block->next;
    least_spare_ = std::min(least_spare_, --spare_);
  } else {
    block = new Block;
  }
  block->next = nullptr;
  block->begin = 0;
  block->end = 0;
  if (++in_use_ > high_) watcher_->on_blocks_high();
  return block;
}

void BlockPool::give(Block* block) {
  block->next = free_;
  free_ = block;
  ++spare_;
  if (--in_use_ == low_) watcher_->on_blocks_low();
}

void BlockPool::watch(Watcher* watcher, std::size_t high, std::size_t low) {
  watcher_ = watcher;
  high_ = watcher != nullptr ? high : no_mark;
  low_ = watcher != nullptr ? low : no_mark;
}

std::size_t BlockPool::drop_unused() {
  // The free list is a stack: unused blocks lie at its bottom.
  const std::size_t dropped = std::exchange(least_spare_, spare_ - least_spare_);
  spare_ -= dropped;
  Block** bottom = &free_;
  for (std::size_t above = spare_; above != 0; --above) bottom = &(*bottom)->next;
  for (Block* block = std::exchange(*bottom, nullptr); block != nullptr;) delete std::exchange(block, block->next);
  return dropped;
}

ByteQueue::ByteQueue(ByteQueue&& other) noexcept
    : pool_(other.pool_),
      head_(std::exchange(other.head_, nullptr)),
      tail_(std::exchange(other.tail_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      headroom_(other.headroom_) {}

ByteQueue& ByteQueue::operator=(ByteQueue&& other) noexcept {
  if (this == &other) return *this;
  clear();
  pool_ = other.pool_;
  head_ = std::exchange(other.head_, nullptr);
  tail_ = std::exchange(other.tail_, nullptr);
  size_ = std::exchange(other.size_, 0);
  headroom_ = other.headroom_;
  return *this;
}

void ByteQueue::append(Bytes bytes) {
  while (!bytes.empty()) {
    const MutableBytes room = tail_room();
    const std::size_t n = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), n);
    commit(n);
    bytes = bytes.subspan(n);
  }
}

MutableBytes ByteQueue::tail_room() {
  if (tail_ == nullptr || tail_->end == sizeof tail_->data) {
    BlockPool::Block* block = pool_->take();
    block->begin = block->end = headroom_;
    (tail_ == nullptr ? head_ : tail_->next) = block;
    tail_ = block;
  }
  return {tail_->data + tail_->end, sizeof tail_->data - tail_->end};
}

void ByteQueue::commit(std::size_t n) {
  assert(tail_ != nullptr && n <= sizeof tail_->data - tail_->end);
  tail_->end += static_cast<std::uint32_t>(n);
  size_ += n;
}

Bytes ByteQueue::front() const {
  if (size_ == 0) return {};
  return {head_->data + head_->begin, head_->end - head_->begin};
}

std::size_t ByteQueue::runs(Bytes* out, std::size_t most) const {
  std::size_t count = 0;
  if (size_ == 0) return 0;
  for (const BlockPool::Block* block = head_; block != nullptr && count < most; block = block->next) {
    if (block->end > block->begin) out[count++] = {block->data + block->begin, block->end - block->begin};
  }
  return count;
}

std::size_t ByteQueue::peek(MutableBytes out) const {
  std::size_t copied = 0;
  for (const BlockPool::Block* block = head_; block != nullptr && copied < out.size(); block = block->next) {
    const std::size_t n = std::min<std::size_t>(block->end - block->begin, out.size() - copied);
    std::memcpy(out.data() + copied, block->data + block->begin, n);
    copied += n;
  }
  return copied;
}

void ByteQueue::consume(std::size_t n) {
  assert(n <= size_);
  size_ -= n;
  while (head_ != nullptr) {
    const std::size_t here = std::min<std::size_t>(head_->end - head_->begin, n);
    head_->begin += static_cast<std::uint32_t>(here);
    n -= here;
    if (head_->begin < head_->end) return;
    BlockPool::Block* spent = head_;
    head_ = spent->next;
    if (head_ == nullptr) tail_ = nullptr;
    pool_->give(spent);
    if (n == 0 && size_ != 0) return;
  }
}

Bytes ByteQueue::hand_over(Bytes header, ByteQueue& to) {
  assert(size_ != 0 && pool_ == to.pool_);
  BlockPool::Block* block = head_;
  head_ = std::exchange(block->next, nullptr);
  if (head_ == nullptr) tail_ = nullptr;
  size_ -= block->end - block->begin;

  assert(header.size() <= block->begin);
  block->begin -= static_cast<std::uint32_t>(header.size());
  std::memcpy(block->data + block->begin, header.data(), header.size());
  const Bytes whole(block->data + block->begin, block->end - block->begin);
  (to.tail_ == nullptr ? to.head_ : to.tail_->next) = block;
  to.tail_ = block;
  to.size_ += whole.size();
  return whole;
}

}  // namespace tenfold
