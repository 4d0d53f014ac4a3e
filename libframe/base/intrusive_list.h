// IntrusiveList: a list whose members hold their own links. Removal is constant time, nothing is allocated, and a
// destroyed member removes itself.
//
//   class Call : public ListHook { … };
//   IntrusiveList<Call> calls;
//   calls.push_back(call);
//   while (Call* first = calls.pop_front()) …
//
// Borrows its members. An object is in at most one list; adding it to another removes it from the first.
#pragma once

namespace tenfold {

class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;

  bool listed() const { return next_ != nullptr; }
  // Leaves its list, if it is in one.
  void unlist() {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 protected:
  ~ListHook() { unlist(); }

 private:
  template <typename T>
  friend class IntrusiveList;
  ListHook* next_ = nullptr;
  ListHook* previous_ = nullptr;
};

template <typename T>
class IntrusiveList {
 public:
  IntrusiveList() { head_.next_ = head_.previous_ = &head_; }
  ~IntrusiveList() {
    while (pop_front() != nullptr) {
    }
    head_.next_ = head_.previous_ = nullptr;
  }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  void push_back(T& item) {
    ListHook& hook = item;
    hook.unlist();
    hook.previous_ = head_.previous_;
    hook.next_ = &head_;
    head_.previous_->next_ = &hook;
    head_.previous_ = &hook;
  }

  bool empty() const { return head_.next_ == &head_; }

  // The first that fits; null: none does.
  template <typename Fits>
  T* find_if(Fits fits) const {
    for (ListHook* hook = head_.next_; hook != &head_; hook = hook->next_) {
      if (fits(*static_cast<T*>(hook))) return static_cast<T*>(hook);
    }
    return nullptr;
  }

  // Null when the list is empty.
  T* front() const { return empty() ? nullptr : static_cast<T*>(head_.next_); }
  T* pop_front() {
    T* first = front();
    if (first != nullptr) first->unlist();
    return first;
  }

 private:
  ListHook head_;
};

}  // namespace tenfold
