// Result<T>: a value or an Error.
//
//   Result<Address> address = parse_address(text);
//   if (!address) return address.error();
//   use(*address);
#pragma once

#include <cassert>
#include <utility>
#include <variant>

#include "base/error.h"

namespace tenfold {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {
    assert(std::get<1>(state_).kind != ErrorKind::none);
  }

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

}  // namespace tenfold
