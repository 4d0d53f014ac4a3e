// AddressCounts: the number of connections of each client address, both visitors' and parked classic sockets. An
// admitted connection holds a ticket while it is open.
//
//   if (!counts.has_room(ip)) turn away;
//   AddressCounts::Ticket ticket = counts.enter(ip);
//
// One for the broker, on its thread; it outlives the tickets.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace tenfold::broker {

class AddressCounts {
 public:
  explicit AddressCounts(std::size_t per_address) : per_address_(per_address) {}

  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept : counts_(std::exchange(other.counts_, nullptr)), group_(std::move(other.group_)) {}
    Ticket& operator=(Ticket&& other) noexcept {
      std::swap(counts_, other.counts_);
      std::swap(group_, other.group_);
      return *this;
    }
    ~Ticket();

   private:
    friend class AddressCounts;
    Ticket(AddressCounts& counts, std::string group) : counts_(&counts), group_(std::move(group)) {}
    AddressCounts* counts_ = nullptr;
    std::string group_;
  };

  bool has_room(std::string_view ip) const;
  Ticket enter(std::string_view ip);
  std::size_t size() const { return counts_.size(); }

 private:
  const std::size_t per_address_;
  std::unordered_map<std::string, std::size_t> counts_;  // by address_group()
};

}  // namespace tenfold::broker
