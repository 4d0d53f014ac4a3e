// NameIndex: entries by their names. Open addressing with linear probing: hashes and pointers stand in a row, so that a
// name among thousands is one step through memory away, and its entry another. (std::unordered_map takes four.)
//
//   Entry& entry = index.insert(std::move(made));   // its `name` is not in the index yet, and stays as it is
//   Entry* found = index.find("blue-fox");           // null: not there
//   index.erase("blue-fox");
//
// Entries do not move. The index owns them.
#pragma once

#include <cassert>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace tenfold::broker {

template <typename Entry>
class NameIndex {
 public:
  std::size_t size() const { return size_; }

  Entry* find(std::string_view name) const { return slots_[place_of(name)].entry.get(); }

  // Calls `each(entry)` for all, in no order.
  template <typename Each>
  void for_each(Each each) const {
    for (const Slot& slot : slots_) {
      if (slot.entry != nullptr) each(*slot.entry);
    }
  }

  Entry& insert(std::unique_ptr<Entry> entry) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    ++size_;
    return put(std::move(entry));
  }

  // The entries behind it move up, so that no gap stands between one and where its search begins.
  void erase(std::string_view name) {
    std::size_t gap = place_of(name);
    if (slots_[gap].entry == nullptr) return;
    --size_;
    slots_[gap].entry = nullptr;
    for (std::size_t at = next(gap); slots_[at].entry != nullptr; at = next(at)) {
      const std::size_t home = slots_[at].hash & (slots_.size() - 1);
      const bool may_move = ((at - home) & (slots_.size() - 1)) >= ((at - gap) & (slots_.size() - 1));
      if (may_move) slots_[std::exchange(gap, at)] = std::move(slots_[at]);
    }
  }

 private:
  struct Slot {
    std::size_t hash = 0;
    std::unique_ptr<Entry> entry;  // null: free
  };

  std::size_t next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }

  // Where the entry is, or would be.
  std::size_t place_of(std::string_view name) const {
    const std::size_t hash = std::hash<std::string_view>{}(name);
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at].entry != nullptr && (slots_[at].hash != hash || slots_[at].entry->name != name)) at = next(at);
    return at;
  }

  Entry& put(std::unique_ptr<Entry> entry) {
    Slot& slot = slots_[place_of(entry->name)];
    assert(slot.entry == nullptr);
    slot.hash = std::hash<std::string_view>{}(entry->name);
    slot.entry = std::move(entry);
    return *slot.entry;
  }

  void grow() {
    std::vector<Slot> former(slots_.size() * 2);
    former.swap(slots_);
    for (Slot& slot : former) {
      if (slot.entry != nullptr) put(std::move(slot.entry));
    }
  }

  std::vector<Slot> slots_ = std::vector<Slot>(16);  // as many as a power of two, a quarter of them free
  std::size_t size_ = 0;
};

}  // namespace tenfold::broker
