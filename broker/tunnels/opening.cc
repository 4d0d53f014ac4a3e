#include "broker/tunnels/opening.h"

namespace tenfold::broker {

void Opening::withdraw() {
  if (list_ != nullptr) list_->remove(*this);
}

OpeningList::~OpeningList() {
  while (pop_front() != nullptr) {
  }
}

void OpeningList::push_back(Opening& opening, TimePoint time) {
  opening.withdraw();
  opening.list_ = this;
  opening.time_ = time;
  opening.previous_ = last_;
  (last_ == nullptr ? first_ : last_->next_) = &opening;
  last_ = &opening;
  ++size_;
}

void OpeningList::push_front(Opening& opening) {
  opening.withdraw();
  opening.list_ = this;
  opening.next_ = first_;
  (first_ == nullptr ? last_ : first_->previous_) = &opening;
  first_ = &opening;
  ++size_;
}

Opening* OpeningList::pop_front() {
  Opening* opening = first_;
  if (opening != nullptr) remove(*opening);
  return opening;
}

void OpeningList::remove(Opening& opening) {
  (opening.previous_ == nullptr ? first_ : opening.previous_->next_) = opening.next_;
  (opening.next_ == nullptr ? last_ : opening.next_->previous_) = opening.previous_;
  opening.next_ = nullptr;
  opening.previous_ = nullptr;
  opening.list_ = nullptr;
  --size_;
}

}  // namespace tenfold::broker
