#include "net/ticket_keys.hpp"

#include <catch2/catch.hpp>

using namespace evenkeel::net;
using namespace std::chrono_literals;

namespace {
const TicketKeys::Time begin{1'000h};
}

TEST_CASE("a ticket key serves for the time of a rotation") {
  TicketKeys keys(12h, 2h);
  const auto first = keys.current(begin);
  REQUIRE(first);
  CHECK(keys.current(begin + 12h - 1s)->name == first->name);
  CHECK(keys.current(begin + 12h)->name != first->name);
}

TEST_CASE("tickets of the key before still open, and are said to be old") {
  TicketKeys keys(12h, 2h);
  const auto first = keys.current(begin);
  CHECK(keys.find(first->name, begin + 1h)->is_current);
  const auto second = keys.current(begin + 12h);
  const auto found = keys.find(first->name, begin + 13h);
  REQUIRE(found);
  CHECK_FALSE(found->is_current);
  CHECK(found->key.cipher == first->cipher);
  CHECK(keys.find(second->name, begin + 13h)->is_current);
  // Past its time, but nobody has come for a ticket since: the next one will be under a new key.
  CHECK_FALSE(keys.find(second->name, begin + 24h)->is_current);
}

TEST_CASE("a key is forgotten when no session made with it can live any more") {
  TicketKeys by_rotation(12h, 2h);
  const auto one = by_rotation.current(begin);
  CHECK(by_rotation.find(one->name, begin + 24h - 1s));
  CHECK_FALSE(by_rotation.find(one->name, begin + 24h));
  TicketKeys by_lifetime(1h, 5h);
  const auto other = by_lifetime.current(begin);
  CHECK(by_lifetime.find(other->name, begin + 6h - 1s));
  CHECK_FALSE(by_lifetime.find(other->name, begin + 6h));
}

TEST_CASE("an unknown name finds no key") {
  TicketKeys keys(12h, 2h);
  TicketKey unknown = *keys.current(begin);
  unknown.name[3] ^= 1;
  CHECK_FALSE(keys.find(unknown.name, begin));
}
