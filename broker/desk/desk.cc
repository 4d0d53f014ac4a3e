#include "broker/desk/desk.h"

#include <utility>

#include "broker/rules.h"

namespace tenfold::broker {

Desk::~Desk() { close(); }

Assignment& Desk::take() {
  if (running_ == assignments_.size()) assignments_.push_back(std::make_unique<Assignment>(*this, running_));
  return *assignments_[running_++];
}

void Desk::put_back(Assignment& assignment) {
  // The last running assignment takes its place.
  --running_;
  std::swap(assignments_[assignment.place], assignments_[running_]);
  std::swap(assignments_[assignment.place]->place, assignment.place);
  // Spare assignments are freed after a burst.
  if (assignments_.size() > 2 * running_ + rules::spare_assignments) {
    side_.runtime.graveyard.bury(std::move(assignments_.back()));
    assignments_.pop_back();
  }
}

std::size_t Desk::end_upgraded() {
  std::size_t ended = 0;
  // Backwards: one that ends during the loop is replaced by one that was already visited.
  for (std::size_t i = running_; i-- > 0;) {
    if (i >= running_ || !assignments_[i]->upgraded()) continue;
    ++ended;
    assignments_[i]->end_upgraded();
  }
  return ended;
}

std::size_t Desk::end_requests_of(std::string_view name) {
  std::size_t ended = 0;
  // Backwards, as in end_upgraded().
  for (std::size_t i = running_; i-- > 0;) {
    if (i < running_ && assignments_[i]->end_of_tunnel(name)) ++ended;
  }
  return ended;
}

void Desk::close() {
  running_ = 0;
  assignments_.clear();
}

}  // namespace tenfold::broker
