// StreamTable: a map from stream ids to streams. A lookup takes one or two steps; opening and closing streams allocates
// only when more of them are open than ever before. Linear probing; a removal closes its gap, so there are no
// tombstones.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tenfold {

template <typename Stream>
class StreamTable {
 public:
  std::size_t size() const { return size_; }

  // Null if there is none.
  Stream* find(std::int32_t id) const {
    if (size_ == 0) return nullptr;
    for (std::size_t at = home(id);; at = next(at)) {
      if (slots_[at].stream == nullptr) return nullptr;
      if (slots_[at].id == id) return slots_[at].stream;
    }
  }

  void insert(std::int32_t id, Stream* stream) {
    assert(stream != nullptr && find(id) == nullptr);
    if (2 * (size_ + 1) > slots_.size()) grow();
    place({id, stream});
    ++size_;
  }

  void remove(std::int32_t id) {
    assert(find(id) != nullptr);
    std::size_t gap = home(id);
    while (slots_[gap].id != id) gap = next(gap);
    for (std::size_t at = next(gap); slots_[at].stream != nullptr; at = next(at)) {
      // An entry whose probe path crosses the gap moves into it.
      const std::size_t way = (at - home(slots_[at].id)) & mask();
      if (way < ((at - gap) & mask())) continue;
      slots_[gap] = slots_[at];
      gap = at;
    }
    slots_[gap] = {};
    --size_;
  }

  // Calls `each` for every stream; it must not insert or remove.
  template <typename Each>
  void for_each(Each each) const {
    for (const Slot& slot : slots_) {
      if (slot.stream != nullptr) each(*slot.stream);
    }
  }

  // Any stream for which `wanted` holds, or null: for removing them one by one.
  template <typename Wanted>
  Stream* any(Wanted wanted) const {
    for (const Slot& slot : slots_) {
      if (slot.stream != nullptr && wanted(*slot.stream)) return slot.stream;
    }
    return nullptr;
  }

 private:
  struct Slot {
    std::int32_t id = 0;
    Stream* stream = nullptr;
  };

  std::size_t mask() const { return slots_.size() - 1; }
  // Fibonacci hashing: scatters consecutive ids, so that probe runs stay short.
  std::size_t home(std::int32_t id) const { return static_cast<std::uint32_t>(id) * 0x9e3779b1U >> shift_; }
  std::size_t next(std::size_t at) const { return (at + 1) & mask(); }

  void place(const Slot& slot) {
    std::size_t at = home(slot.id);
    while (slots_[at].stream != nullptr) at = next(at);
    slots_[at] = slot;
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 8 : slots_.size() * 2);
    shift_ = 32 - std::countr_zero(old.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.stream != nullptr) place(slot);
    }
  }

  std::vector<Slot> slots_;  // its size is a power of two, at most half full
  std::size_t size_ = 0;
  int shift_ = 0;  // a 32-bit hash shifted right by this is a slot
};

}  // namespace tenfold
