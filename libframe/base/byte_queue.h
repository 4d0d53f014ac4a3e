// ByteQueue: bytes in order, first in first out, in blocks of one size that come
// from a BlockPool and go back to it. An empty queue holds no block, so an idle
// connection costs nothing; a busy one takes its blocks from the pool's free list,
// so a steady request allocates nothing.
//
// Not thread-safe: a pool and its queues belong to one loop. The pool outlives
// its queues.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace tenfold {

class BlockPool {
 public:
  struct Block {
    Block* next;
    std::uint32_t begin;                        // first byte not yet consumed
    std::uint32_t end;                          // one past the last byte written
    std::uint8_t data[std::size_t{16} * 1024];  // a full TLS record's plaintext
  };

  // Reports that many blocks are in use. Called from inside take() and give(), so it may only arm a timer.
  class Watcher {
   public:
    // Above the high mark: called for every block beyond it.
    virtual void on_blocks_high() = 0;
    // The number has fallen to the low mark.
    virtual void on_blocks_low() = 0;

   protected:
    ~Watcher() = default;
  };

  BlockPool() = default;
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  Block* take();
  void give(Block* block);

  // `watcher` may be null; it is borrowed until the next call.
  void watch(Watcher* watcher, std::size_t high, std::size_t low);

  std::size_t blocks_in_use() const { return in_use_; }
  std::size_t spare_blocks() const { return spare_; }

  // Frees the blocks that were spare all the time since the last call; returns how many. Called periodically, it keeps
  // as many blocks as recent traffic used at its peak.
  std::size_t drop_unused();

 private:
  static constexpr std::size_t no_mark = static_cast<std::size_t>(-1);

  Block* free_ = nullptr;
  std::size_t spare_ = 0;        // how many are in the free list
  std::size_t least_spare_ = 0;  // since the last drop_unused()
  std::size_t in_use_ = 0;
  Watcher* watcher_ = nullptr;
  std::size_t high_ = no_mark;
  std::size_t low_ = no_mark;
};

class ByteQueue {
 public:
  // `headroom`: bytes that stay free in front of each run, for hand_over().
  explicit ByteQueue(BlockPool& pool, std::uint32_t headroom = 0) : pool_(&pool), headroom_(headroom) {}
  ~ByteQueue() { clear(); }
  ByteQueue(ByteQueue&& other) noexcept;
  ByteQueue& operator=(ByteQueue&& other) noexcept;

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  // Copies `bytes` to the back.
  void append(Bytes bytes);

  // Room at the back to write into: at least one byte. Then commit(n) what was
  // written, before any other call.
  MutableBytes tail_room();
  void commit(std::size_t n);

  // The first contiguous run; empty only when the queue is. Valid until the next
  // call that is not const.
  Bytes front() const;

  // The first runs, at most `most` of them, for a gathered write.
  std::size_t runs(Bytes* out, std::size_t most) const;

  // Copies min(size, out.size()) bytes without consuming them; returns how many.
  std::size_t peek(MutableBytes out) const;

  // Drops the first n bytes; n <= size().
  void consume(std::size_t n);

  // Moves front(), which must not be empty, to the back of `to` with `header` in front of it; copies only the header.
  // `header` is at most as long as the headroom, `to` a queue of the same pool. Returns the header and the run in their
  // new place.
  Bytes hand_over(Bytes header, ByteQueue& to);

  void clear() { consume(size_); }

 private:
  BlockPool* pool_;
  BlockPool::Block* head_ = nullptr;
  BlockPool::Block* tail_ = nullptr;
  std::size_t size_ = 0;
  std::uint32_t headroom_;
};

}  // namespace tenfold
