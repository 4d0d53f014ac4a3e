// MemoryGuard: what the process keeps for slow readers, of all links together. Everything that is kept stands in the
// blocks of the loop's pool, so their number is the measure. Beyond the limit the links' streams get small windows, and
// the visitor who has stood longest, limits::reader_stands at least, is cut; the next one a moment later, if that did
// not do. The links are as they were when no more than three quarters of the limit are left.
//
//   MemoryGuard guard(runtime, owner, most);
//   on_memory(true) -> squeeze every link, and those that come; on_memory(false) -> no more
//
// Runs when the pool says that a mark was passed; between evictions by a deadline. Owned by who has the links.
#pragma once

#include <cstddef>

#include "base/runtime.h"

namespace tenfold::broker {

class MemoryGuard final : private BlockPool::Watcher {
 public:
  class Owner {
   public:
    virtual void on_memory(bool is_short) = 0;
    // Since when the visitor has stood who has stood longest of all links; `never`: none stands.
    virtual TimePoint standing_since() const = 0;
    // Cuts that visitor.
    virtual void evict_first() = 0;

   protected:
    ~Owner() = default;
  };

  // `most`: in bytes.
  MemoryGuard(Runtime& runtime, Owner& owner, std::size_t most);
  ~MemoryGuard();

  bool is_short() const { return short_; }

 private:
  void on_blocks_high() override;
  void on_blocks_low() override;
  void settle();
  void settle_next();

  Runtime& runtime_;
  Owner& owner_;
  const std::size_t high_;  // blocks
  const std::size_t low_;   // blocks
  bool short_ = false;
  // Soon, when a mark was passed; or when the next visitor may be cut.
  MemberTimer<MemoryGuard, &MemoryGuard::settle> timer_{*this};
};

}  // namespace tenfold::broker
