// Graveyard: holds objects that their owner has dropped while one of their callbacks may still be on the stack. The
// loop clears it between callbacks; a test clears it by hand.
//
//   graveyard.bury(std::move(socket_));   // socket_ is null now, its object lives on until clear()
#pragma once

#include <memory>
#include <utility>
#include <vector>

namespace tenfold {

class Graveyard {
 public:
  Graveyard() = default;
  ~Graveyard() { clear(); }
  Graveyard(const Graveyard&) = delete;
  Graveyard& operator=(const Graveyard&) = delete;

  template <typename T>
  void bury(std::unique_ptr<T> dead) {
    if (dead != nullptr) dead_.push_back({dead.release(), [](void* p) { delete static_cast<T*>(p); }});
  }

  // Destroys the buried objects, and those that are buried by their destructors.
  void clear() {
    for (std::size_t i = 0; i < dead_.size(); ++i) {
      const Grave grave = dead_[i];
      grave.destroy(grave.object);
    }
    dead_.clear();
  }

  bool empty() const { return dead_.empty(); }

 private:
  struct Grave {
    void* object;
    void (*destroy)(void*);
  };
  std::vector<Grave> dead_;
};

}  // namespace tenfold
