#include "sim/engine.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace evenkeel::sim {
namespace {

// What a check takes, of a target that answers it.
constexpr Nanos check_time = std::chrono::microseconds(500);

}  // namespace

// Asks the server that its target is.
class Engine::Check final : public HealthCheck {
 public:
  explicit Check(Engine& engine) : engine_(engine) {}

  void start(const Target& target, std::chrono::milliseconds, Done done) override {
    const auto found = std::ranges::find_if(
        engine_.scenario_.targets, [&](const SimTarget& each) { return each.target.host == target.host; });
    const auto index = static_cast<std::size_t>(found - engine_.scenario_.targets.begin());
    Server::Check seen = engine_.servers_[index].check();
    // The kernel accepts for a program that hangs.
    const bool is_connecting =
        engine_.port_.health.type == CheckType::tcp && engine_.port_.health.receive.empty();
    if (seen == Server::Check::silence && is_connecting) seen = Server::Check::pass;
    if (seen == Server::Check::silence) return;
    engine_.timers_.add(
        engine_.clock_.elapsed() + check_time, [alive = std::weak_ptr(alive_), done = std::move(done), seen] {
          if (alive.expired()) return;
          done(seen == Server::Check::pass ? std::nullopt : std::optional<std::string>("refused"));
        });
  }

 private:
  Engine& engine_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

Engine::Engine(const Scenario& scenario, std::string strategy)
    : scenario_(scenario),
      port_(scenario.port),
      random_(scenario.seed),
      clients_(scenario.load.keys, scenario.load.key_skew),
      arrivals_(scenario.load),
      pool_(scenario.port.pool, clock_),
      idle_(scenario.workers * scenario.targets.size()),
      in_flight_(scenario.targets.size()),
      cookies_(scenario.port.http.sticky.cookie.empty() ? 0 : scenario.load.keys),
      recorder_(scenario, strategy) {
  port_.strategy = std::move(strategy);
  for (const SimTarget& target : scenario_.targets) {
    servers_.emplace_back(target);
    if (!target.is_there) continue;
    if (const auto key = pool_.add(target.target, first_health(port_)))
      target_of_[*key] = servers_.size() - 1;
  }
  make_workers();
  make_monitor();
}

Engine::~Engine() = default;

void Engine::make_workers() {
  workers_.clear();
  const RetryOptions& retry = port_.http.retry;
  if (!reserve_) reserve_ = std::make_shared<RetryReserve>(retry.budget_min_per_second);
  reserve_->set_per_second(retry.budget_min_per_second);
  for (unsigned i = 0; i < scenario_.workers; ++i) {
    const StrategyArgs args{.seed = scenario_.seed, .loop_index = i};
    workers_.push_back(
        std::make_unique<Worker>(pool_, (*strategy_of(port_))(args), clock_, retry.budget_percent, reserve_));
  }
}

void Engine::make_monitor() {
  monitor_ = nullptr;
  const HealthCheckMaker maker = [this] { return std::make_unique<Check>(*this); };
  const auto wake = [this](TimePoint due) {
    // The last word counts.
    timers_.add(std::max(SimClock::since_start(due), clock_.elapsed()), [this, its = ++monitor_wake_] {
      if (its == monitor_wake_) monitor_->turn();
    });
  };
  monitor_ = std::make_unique<pool::MonitorCore>(
      pool_, port_.health, port_.outlier, clock_, log_, scenario_.seed,
      port_.health.type == CheckType::none ? HealthCheckMaker() : maker, wake);
  monitor_->on_change.emplace_back([this](const HealthEvent& event) {
    recorder_.add_health(clock_.elapsed(), target_of_.at(event.key), event);
  });
  // As the loop would be woken: not within whatever has failed.
  monitor_->start([this] { timers_.add(clock_.elapsed(), [this] { monitor_->find_suspects(); }); });
}

// --- the course of time ---

SimRun Engine::run() {
  plan();
  const Nanos end = scenario_.duration;
  for (;;) {
    const Nanos waiting = patience_.empty() ? Nanos::max() : patience_.front().until;
    const Nanos at = std::min({next_arrival_, timers_.next(), done_.next(), waiting});
    if (at > end) break;
    clock_.advance_to(at);
    step(at);
  }
  clock_.advance_to(end);
  count_open();
  return recorder_.finish();
}

// Timers first: what happens to the fleet at a moment has happened for the requests of that moment.
void Engine::step(Nanos at) {
  if (timers_.next() == at) return timers_.take()();
  if (done_.next() == at) return end_job(done_.take());
  if (next_arrival_ == at) return come();
  on_patience_over();
}

void Engine::plan() {
  recorder_.plan(timers_, [this] { look(); });
  for (const SimEvent& event : scenario_.events) {
    timers_.add(event.at, [this, &event] { apply(event); });
  }
  if (scenario_.load.rate.empty()) {
    next_arrival_ = Nanos::max();
    for (std::uint32_t client = 0; client < scenario_.load.clients; ++client) {
      // Not all at once.
      const Nanos first(
          static_cast<Nanos::rep>(random_.unit() * static_cast<double>(Nanos(scenario_.load.think).count())));
      timers_.add(first, [this, client] { begin(client % scenario_.load.keys); });
    }
  } else {
    next_arrival_ = arrivals_.next(Nanos(0), random_);
  }
}

void Engine::look() {
  std::vector<bool> usable(servers_.size());
  for (const TargetStatus& status : pool_.status()) {
    const bool is_up = status.health == Health::up || status.health == Health::unknown;
    usable[target_of_.at(status.key)] = is_up && status.target.admin == AdminState::enabled;
  }
  recorder_.end_moment(clock_.elapsed(), in_flight_, usable);
}

void Engine::come() {
  begin(clients_.draw(random_));
  next_arrival_ = arrivals_.next(next_arrival_, random_);
}

void Engine::apply(const SimEvent& event) {
  if (event.action == SimAction::reload) return reload(*event.port, event.names_strategy);
  for (const std::size_t index : event.targets) {
    if (event.action == SimAction::kill) {
      for (std::size_t worker = 0; worker < workers_.size(); ++worker)
        idle_[worker * servers_.size() + index] = 0;
    }
    reset_all(servers_[index].apply(event));
    if (const auto key = apply_to_pool(pool_, event, scenario_.targets[index].target, port_))
      target_of_[*key] = index;
  }
}

// As the command does: the pool stays, and what has changed is made anew.
void Engine::reload(const PortSpec& port, bool names_strategy) {
  std::string strategy = names_strategy ? port.strategy : port_.strategy;
  // Under another name nobody sends what they have.
  if (port.http.sticky.cookie != port_.http.sticky.cookie) cookies_.clear();
  port_ = port;
  port_.strategy = std::move(strategy);
  pool_.set_options(port_.pool);
  cookies_.resize(port_.http.sticky.cookie.empty() ? 0 : scenario_.load.keys);
  make_workers();
  make_monitor();
}

}  // namespace evenkeel::sim
