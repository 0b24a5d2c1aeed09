#include "sim/server.hpp"

#include <catch2/catch.hpp>

using namespace evenkeel;
using namespace evenkeel::sim;
using namespace std::chrono_literals;

namespace {

SimTarget target(std::uint32_t concurrency, std::uint32_t queue) {
  SimTarget made;
  made.concurrency = concurrency;
  made.queue = queue;
  made.service.scale = 10ms;
  return made;
}

std::vector<JobId> happen(Server& server, SimAction action, double amount = 1) {
  SimEvent event;
  event.action = action;
  event.amount = amount;
  return server.apply(event);
}

}  // namespace

TEST_CASE("so many at once, others wait in order, and one more is answered 5xx") {
  base::Random random(1);
  const SimTarget spec = target(2, 2);
  Server server(spec);
  CHECK(server.admit(0, random).service == 10ms);
  CHECK(server.admit(1, random).service == 10ms);
  CHECK(server.admit(2, random).service < 0ns);
  CHECK(server.admit(3, random).service < 0ns);
  const auto full = server.admit(4, random);
  CHECK(full.is_ended);
  CHECK(full.reply == Reply::status);
  const auto next = server.finish(1, random);
  CHECK(next.is_any);
  CHECK(next.job == 2);
  CHECK(server.finish(0, random).job == 3);
  CHECK_FALSE(server.finish(2, random).is_any);
}

TEST_CASE("one that is killed resets what it has, and refuses") {
  base::Random random(1);
  const SimTarget spec = target(1, 5);
  Server server(spec);
  (void)server.admit(7, random);
  (void)server.admit(8, random);
  const auto before = server.generation();
  CHECK(happen(server, SimAction::kill) == std::vector<JobId>{7, 8});
  CHECK(server.generation() != before);
  CHECK(server.admit(9, random).reply == Reply::refused);
  CHECK(server.check() == Server::Check::fail);
  CHECK(happen(server, SimAction::start).empty());
  CHECK(server.admit(9, random).service == 10ms);
  CHECK(server.check() == Server::Check::pass);
}

TEST_CASE("one that hangs takes work, ends none, and answers no check") {
  base::Random random(1);
  const SimTarget spec = target(1, 5);
  Server server(spec);
  CHECK(happen(server, SimAction::hang).empty());
  const auto taken = server.admit(1, random);
  CHECK_FALSE(taken.is_ended);
  CHECK(taken.service < 0ns);
  CHECK(server.check() == Server::Check::silence);
  CHECK(happen(server, SimAction::start) == std::vector<JobId>{1});
}

TEST_CASE("slow, failing, and failing only its checks") {
  base::Random random(1);
  const SimTarget spec = target(9, 0);
  Server server(spec);
  CHECK(happen(server, SimAction::slow, 3).empty());
  CHECK(server.admit(0, random).service == 30ms);
  CHECK(happen(server, SimAction::reset).empty());
  CHECK(server.admit(1, random).reply == Reply::reset);
  CHECK(happen(server, SimAction::fail_checks).empty());
  CHECK(happen(server, SimAction::weight, 5).empty());
  CHECK(server.check() == Server::Check::fail);
  CHECK(happen(server, SimAction::start).empty());
  CHECK(server.admit(2, random).service == 10ms);
  CHECK(server.check() == Server::Check::pass);
}
