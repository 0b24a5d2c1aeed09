// A doubly linked list whose links live in its elements: no allocation, O(1) removal from anywhere.
#pragma once

#include <cstddef>

namespace evenkeel::base {

// Derive from this once per list an object can be in; the tag tells them apart. An element removes
// itself when it is destroyed, so a list never holds a dead one.
template <class Tag>
class ListNode {
 public:
  ListNode() noexcept = default;
  ~ListNode() { unlink(); }
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;

  [[nodiscard]] bool linked() const noexcept { return next_ != nullptr; }

  void unlink() noexcept {
    if (!linked()) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = nullptr;
  }

 private:
  template <class T, class U>
  friend class IntrusiveList;

  ListNode* next_ = nullptr;
  ListNode* prev_ = nullptr;
};

// Holds elements of type T, which derives from ListNode<Tag>. Owns none of them.
template <class T, class Tag = T>
class IntrusiveList {
  using Node = ListNode<Tag>;

 public:
  IntrusiveList() noexcept { head_.next_ = head_.prev_ = &head_; }
  ~IntrusiveList() {
    while (!empty()) head_.next_->unlink();
    head_.next_ = head_.prev_ = nullptr;  // so that the sentinel does not unlink itself from itself
  }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  [[nodiscard]] bool empty() const noexcept { return head_.next_ == &head_; }
  [[nodiscard]] T* front() noexcept { return empty() ? nullptr : static_cast<T*>(head_.next_); }
  [[nodiscard]] T* back() noexcept { return empty() ? nullptr : static_cast<T*>(head_.prev_); }
  // The element after this one, nullptr at the end. Take it before the element can go away.
  [[nodiscard]] T* next(T& element) noexcept {
    Node* node = static_cast<Node&>(element).next_;
    return node == &head_ ? nullptr : static_cast<T*>(node);
  }

  // Moves the element here from whatever list of the same tag it was in.
  void push_back(T& element) noexcept { insert_before(head_, element); }
  void push_front(T& element) noexcept { insert_before(*head_.next_, element); }

 private:
  static void insert_before(Node& place, Node& node) noexcept {
    if (&place == &node) return;
    node.unlink();
    node.prev_ = place.prev_;
    node.next_ = &place;
    place.prev_->next_ = &node;
    place.prev_ = &node;
  }

  Node head_;
};

}  // namespace evenkeel::base
