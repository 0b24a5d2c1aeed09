#include "base/intrusive_list.hpp"

#include <memory>

#include <catch2/catch.hpp>

using evenkeel::base::IntrusiveList;
using evenkeel::base::ListNode;

namespace {

struct Item : ListNode<Item> {
  explicit Item(int n) : number(n) {}
  int number;
};

}  // namespace

TEST_CASE("elements keep their order and can leave from anywhere") {
  IntrusiveList<Item> list;
  Item one(1);
  Item two(2);
  Item three(3);
  list.push_back(two);
  list.push_back(three);
  list.push_front(one);
  two.unlink();
  CHECK(list.front() == &one);
  CHECK(list.next(one) == &three);
  CHECK(list.next(three) == nullptr);
  CHECK(list.back() == &three);
  CHECK_FALSE(two.linked());
}

TEST_CASE("pushing an element that is in a list moves it") {
  IntrusiveList<Item> list;
  Item one(1);
  Item two(2);
  list.push_back(one);
  list.push_back(two);
  list.push_back(one);
  CHECK(list.front() == &two);
  CHECK(list.back() == &one);
  list.push_front(*list.front());
  CHECK(list.front() == &two);
}

TEST_CASE("an element leaves its list when it is destroyed, and a list lets go of its elements") {
  auto list = std::make_unique<IntrusiveList<Item>>();
  Item stays(1);
  list->push_back(stays);
  {
    Item goes(2);
    list->push_back(goes);
  }
  CHECK(list->back() == &stays);
  list.reset();
  CHECK_FALSE(stays.linked());
}
