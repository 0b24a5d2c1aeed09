#include <catch2/catch.hpp>

#include "sim/sim_time.hpp"

using namespace evenkeel::sim;
using namespace std::chrono_literals;

TEST_CASE("what is to happen comes in the order of time, and of the same time in the order of asking") {
  Agenda<char> agenda;
  CHECK(agenda.next() == Nanos::max());
  agenda.add(2s, 'c');
  agenda.add(1s, 'a');
  agenda.add(1s, 'b');
  agenda.add(3s, 'd');
  std::string order;
  while (agenda.next() != Nanos::max()) order += agenda.take();
  CHECK(order == "abcd");
}
