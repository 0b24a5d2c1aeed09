#include <algorithm>

#include "strategy/fleet.hpp"

using namespace evenkeel;

namespace {

class Fixture : public test::Fleet {
 public:
  explicit Fixture(const std::vector<std::uint32_t>& weights, unsigned loops = 1)
      : Fleet("leastconn", weights, loops) {}
};

}  // namespace

TEST_CASE("leastconn takes the target with the least work in flight") {
  Fixture f({1, 1, 1});
  CHECK(f.start(3) == "abc");
  CHECK(f.end(1) == "b");
  CHECK(f.start(1) == "b");
  CHECK(f.end(0) == "a");
  CHECK(f.start(1) == "a");
}

TEST_CASE("leastconn breaks ties in turn, so that a quiet service uses all its targets") {
  Fixture f({1, 1, 1});
  CHECK(f.run(9) == "abcabcabc");
}

TEST_CASE("leastconn breaks ties by smooth weighted round robin") {
  Fixture f({5, 1, 1});
  CHECK(f.run(14) == "aabacaaaabacaa");
}

TEST_CASE("leastconn fills targets in proportion to their weights") {
  Fixture f({3, 2, 1});
  (void)f.start(600);
  const auto status = f.pool.status();
  CHECK(status[0].in_flight == 300);
  CHECK(status[1].in_flight == 200);
  CHECK(status[2].in_flight == 100);
}

TEST_CASE("leastconn on one loop sees the work of the others") {
  Fixture f({1, 1}, 2);
  CHECK(f.start(1, 0) == "a");
  CHECK(f.start(1, 1) == "b");
  CHECK(f.start(2, 1).size() == 2);
  f.end(0);
  f.end(0);
  CHECK(f.pool.status()[0].in_flight + f.pool.status()[1].in_flight == 2);
}

TEST_CASE("leastconn loops do not all start with the same target") {
  const auto weights =
      GENERATE(std::vector<std::uint32_t>{1, 1, 1, 1}, std::vector<std::uint32_t>{4, 3, 2, 1});
  Fixture f(weights, 4);
  std::string firsts;
  for (std::size_t loop = 0; loop < 4; ++loop) firsts += f.pick({}, loop).target().host;
  std::ranges::sort(firsts);
  CAPTURE(firsts);
  CHECK(std::ranges::unique(firsts).begin() - firsts.begin() >= 3);
}

TEST_CASE("leastconn passes over what is excluded") {
  Fixture f({1, 1, 1});
  CHECK(f.start(3) == "abc");
  f.end(0);  // a is idle, and excluded
  const TargetKey exclude[] = {f.pool.status()[0].key};
  const Lease lease = f.pick({.exclude = exclude});
  CHECK(lease.target().host != "a");
}

TEST_CASE("leastconn sends little to a slow target") {
  Fixture f({1, 1, 1});
  const std::vector<int> counts = test::closed_loop(f, 32, {200, 5, 5}, 20'000);
  const int total = counts[0] + counts[1] + counts[2];
  CAPTURE(counts);
  CHECK(counts[0] < total / 10);
  CHECK(counts[1] == Approx(counts[2]).epsilon(0.05));
}

TEST_CASE("leastconn stays fair over a thousand targets") {
  Fixture f(std::vector<std::uint32_t>(1'000, 1));
  (void)f.start(3'000);
  for (const TargetStatus& status : f.pool.status()) CHECK(status.in_flight == 3);
}

TEST_CASE("leastconn keeps its turn when targets come and go") {
  Fixture f({2, 1, 1, 1});  // weighted, so that credits are at work
  const std::string id = f.pool.status()[3].target.id();
  std::string sequence;
  for (int i = 0; i < 400; ++i) {
    REQUIRE(f.pool.set_admin(id, i % 2 == 0 ? AdminState::draining : AdminState::enabled));
    sequence += f.run(1);
  }
  const auto a = static_cast<double>(std::ranges::count(sequence, 'a'));
  const auto b = static_cast<double>(std::ranges::count(sequence, 'b'));
  const auto c = static_cast<double>(std::ranges::count(sequence, 'c'));
  CHECK(std::abs(b - c) <= 1);
  CHECK(std::abs(a - 2 * b) <= 3);
}
