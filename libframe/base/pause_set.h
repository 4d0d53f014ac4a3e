// PauseSet: the reasons for which a source is paused. The source runs when there is none. Each reason is set and
// cleared by its holder alone, so two holders do not undo each other.
#pragma once

#include <cstdint>
#include <type_traits>

namespace tenfold {

template <typename Reason>
class PauseSet {
  static_assert(std::is_enum_v<Reason>);

 public:
  // Both return whether the source changed between running and paused.
  bool pause(Reason reason) {
    const bool ran = !paused();
    reasons_ |= bit(reason);
    return ran;
  }
  bool resume(Reason reason) {
    const bool was = paused();
    reasons_ &= ~bit(reason);
    return was && !paused();
  }

  bool paused() const { return reasons_ != 0; }
  bool has(Reason reason) const { return (reasons_ & bit(reason)) != 0; }

 private:
  static constexpr std::uint32_t bit(Reason reason) { return std::uint32_t{1} << static_cast<unsigned>(reason); }

  std::uint32_t reasons_ = 0;
};

}  // namespace tenfold
