// The balancing core alone: no sockets, no loop, no health checks. Your own proxy asks for a target,
// does the work, and says how it went.
#include <cstdio>
#include <cstdlib>
#include <evenkeel/balancer.hpp>
#include <evenkeel/clock.hpp>
#include <evenkeel/strategy.hpp>
#include <evenkeel/target_pool.hpp>
#include <map>
#include <string>

namespace {

// Sends `count` pieces of work and counts where they went.
std::map<std::string, int> send(evenkeel::Balancer& balancer, int count) {
  std::map<std::string, int> counts;
  for (int i = 0; i < count; ++i) {
    auto lease = balancer.pick();
    if (!lease) {
      std::fprintf(stderr, "%s\n", evenkeel::describe(lease.error()).c_str());
      std::exit(1);
    }
    ++counts[lease->target().host];
    // Here the work would be done with lease->target(). While the lease lives it counts as in flight.
    lease->report(evenkeel::Outcome::success);
  }
  return counts;
}

bool expect(const char* what, const std::map<std::string, int>& counts,
            const std::map<std::string, int>& expected) {
  std::printf("%s:", what);
  for (const auto& [host, count] : counts) std::printf(" %s %d", host.c_str(), count);
  std::printf("%s\n", counts == expected ? "" : "  <- unexpected");
  return counts == expected;
}

}  // namespace

int main() {
  const evenkeel::SteadyClock clock;
  evenkeel::TargetPool pool({}, clock);  // on the control thread
  for (const char* url : {"http://app1:3000", "http://app2:3000", "http://app3:3000"}) {
    const auto target = evenkeel::Target::parse(url);
    // Nobody checks health here, so the targets are up because we say so.
    if (!target || !pool.add(*target, evenkeel::Health::up)) return 1;
  }

  const auto maker = evenkeel::find_strategy("roundrobin");
  if (!maker) return 1;
  evenkeel::Balancer balancer(pool, (*maker)({.seed = 1, .loop_index = 0}));  // one for each loop

  bool ok = expect("equal", send(balancer, 600), {{"app1", 200}, {"app2", 200}, {"app3", 200}});

  // The balancer follows each change by itself, at its next pick.
  ok = pool.set_weight("http://app1:3000", 4).has_value() && ok;
  ok = expect("app1 weighs 4", send(balancer, 600), {{"app1", 400}, {"app2", 100}, {"app3", 100}}) && ok;

  ok = pool.set_admin("http://app1:3000", evenkeel::AdminState::draining).has_value() && ok;
  ok = expect("app1 drains", send(balancer, 600), {{"app2", 300}, {"app3", 300}}) && ok;

  // A retry goes somewhere else: name the targets that were tried.
  const auto first = balancer.pick();
  if (!first) return 1;
  const evenkeel::TargetKey tried[] = {first->key()};
  const auto second = balancer.pick({.exclude = tried});
  ok = second && second->key() != first->key() && ok;
  return ok ? 0 : 1;
}
