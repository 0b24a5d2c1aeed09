#include "evenkeel/live_run.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "evenkeel/health_monitor.hpp"
#include "evenkeel/target_pool.hpp"

#include "live/fine_timers.hpp"
#include "live/live_clients.hpp"
#include "live/live_proxies.hpp"
#include "live/live_target.hpp"
#include "sim/draws.hpp"
#include "sim/recorder.hpp"

namespace evenkeel {
namespace {

using namespace std::chrono_literals;
using sim::Nanos;

// Until which all targets have had their first check.
constexpr std::chrono::milliseconds first_checks = 1s;
// A client that is refused at once does not ask again at once.
constexpr Nanos least_think = 200us;

// Each client has an address of its own, from 127.1.0.0 on.
std::string address_of(std::uint32_t client) {
  const std::uint32_t number = client + 1;
  return fmt::format("127.{}.{}.{}", 1 + (number >> 16U) % 250, (number >> 8U) % 256, number % 256);
}

}  // namespace

struct LiveRun::Impl {
  Impl(uv_loop_t* on_loop, const Scenario& its_scenario, const std::string& strategy, LogSink& a_log,
       Done told)
      : loop(on_loop),
        scenario(its_scenario),
        port(scenario.port),
        log(a_log),
        done(std::move(told)),
        random(scenario.seed),
        clients(scenario.load.keys, scenario.load.key_skew),
        arrivals(scenario.load),
        timers(on_loop),
        pool(scenario.port.pool, clock),
        proxies(on_loop, pool, a_log, scenario.seed),
        recorder(scenario, strategy) {
    adapt(scenario.port, strategy);
    for (std::size_t i = 0; i < scenario.targets.size(); ++i) {
      targets.push_back(live::make_target(
          {.loop = loop,
           .spec = scenario.targets[i],
           .index = i,
           .port = port,
           .timers = timers,
           .seed = scenario.seed + i,
           .busy = [this, i](std::uint32_t count) { recorder.see_in_flight(now(), i, count); }}));
    }
  }

  void adapt(const PortSpec& wanted, std::string strategy) {
    port = wanted;
    port.strategy = std::move(strategy);
    cookies.resize(port.http.sticky.cookie.empty() ? 0 : scenario.load.keys);
    // What scripted clients and targets do not speak.
    port.tcp.proxy_protocol = ProxyVersion::none;
    port.tcp.accept_proxy_protocol.clear();
    port.http.accept_proxy_protocol.clear();
    port.health.port.reset();
    port.health.proxy_protocol = ProxyVersion::none;
    // One of its own: what clients ask for is work.
    port.health.path = live::LiveTarget::check_path;
    port.health.host = "scenario";
    // Where a client's address means something, each has its own.
    keeps_clients = port.strategy == "hash" || port.protocol == Protocol::udp;
  }
  [[nodiscard]] Nanos now() const noexcept { return is_begun ? timers.elapsed() : Nanos(0); }

  Result<void> start() {
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (const auto listening = targets[i]->listen(); !listening) return listening;
      if (scenario.targets[i].is_there) (void)join(i);
    }
    if (const auto listening = proxies.listen(port, scenario.workers); !listening) return listening;
    client = live::make_clients(port.protocol, loop, proxies.port(), timers);
    if (const auto started = start_monitor(); !started) return started;
    wait = net::make_handle<uv_timer_t>(uv_timer_init, loop);
    wait->data = this;
    monitor->on_first_round([this] { begin(); });
    uv_timer_start(
        wait.get(),
        [](uv_timer_t* timer) {
          if (timer->data != nullptr) static_cast<Impl*>(timer->data)->begin();
        },
        static_cast<std::uint64_t>(first_checks.count()), 0);
    return {};
  }

  Result<void> start_monitor() {
    if (monitor) {
      monitor->close({});
      closed_monitors.push_back(std::move(monitor));
    }
    monitor =
        std::make_unique<HealthMonitor>(loop, pool, port.health, port.outlier, clock, log, scenario.seed);
    monitor->on_change([this](const HealthEvent& event) {
      if (const auto found = target_of.find(event.key); found != target_of.end())
        recorder.add_health(now(), found->second, event);
    });
    return monitor->start();
  }

  [[nodiscard]] Target target(std::size_t index) const {
    Target target = scenario.targets[index].target;
    target.host = "127.0.0.1";
    target.port = targets[index]->port();
    return target;
  }

  Result<TargetKey> join(std::size_t index) {
    auto key = pool.add(target(index), sim::first_health(port));
    if (key) target_of[*key] = index;
    return key;
  }

  // --- the course of time ---

  void begin() {
    if (std::exchange(is_begun, true)) return;
    wait.reset();
    recorder.plan(timers.agenda(), [this] { look(); });
    for (const SimEvent& event : scenario.events)
      timers.agenda().add(event.at, [this, &event] { apply(event); });
    timers.agenda().add(scenario.duration, [this] { end(); });
    if (const auto begun = timers.begin(); !begun) return fail(begun.error());
    if (!scenario.load.rate.empty()) return come_at(arrivals.next(Nanos(0), random));
    for (std::uint32_t each = 0; each < scenario.load.clients; ++each) {
      const auto think = static_cast<double>(Nanos(scenario.load.think).count());
      ask_at(Nanos(static_cast<Nanos::rep>(random.unit() * think)), each % scenario.load.keys);
    }
  }

  void come_at(Nanos at) {
    next_due = at;
    if (at >= scenario.duration) return;
    timers.add(at, [this, at] {
      // What the loop cannot carry must not make the run longer.
      if (now() >= scenario.duration) return end();
      ask(clients.draw(random), at);
      come_at(arrivals.next(at, random));
    });
  }

  void ask_at(Nanos at, std::uint32_t who) {
    timers.add(at, [this, at, who] { ask(who, at); });
  }

  // `due`: what comes late has waited all the same.
  void ask(std::uint32_t who, Nanos due) {
    if (is_over) return;
    late = std::max(late, now() - due);
    const std::uint64_t id = next_request++;
    open.emplace(id, Open{who, due});
    client->send(keeps_clients ? address_of(who) : std::string(),
                 cookies.empty() ? std::string() : cookies[who],
                 [this, id](const live::LiveAnswer& answer) { on_answer(id, answer); });
  }

  void on_answer(std::uint64_t id, const live::LiveAnswer& answer) {
    if (is_over) return;
    const auto [who, due] = open.extract(id).mapped();
    std::size_t index = sim::nobody;
    std::from_chars(answer.target.data(), answer.target.data() + answer.target.size(), index);
    const sim::Ending ending{due, now() - due, answer.target.empty() ? sim::nobody : index, !answer.is_good};
    recorder.add(ending, who);
    if (!cookies.empty() && !answer.cookie.empty()) cookies[who] = answer.cookie;
    count_retries();
    if (!scenario.load.rate.empty()) return;
    const double think =
        sim::draw_exponential(random) * static_cast<double>(Nanos(scenario.load.think).count());
    ask_at(now() + std::max(Nanos(static_cast<Nanos::rep>(think)), least_think), who);
  }

  void count_retries() {
    const std::uint64_t all = proxies.retries();
    if (all != retries) recorder.add_retries(now(), all - std::exchange(retries, all));
  }

  void look() {
    std::vector<std::uint32_t> in_flight;
    in_flight.reserve(targets.size());
    for (const auto& each : targets) in_flight.push_back(each->in_flight());
    std::vector<bool> usable(targets.size());
    for (const TargetStatus& status : pool.status()) {
      const bool is_up = status.health == Health::up || status.health == Health::unknown;
      usable[target_of.at(status.key)] = is_up && status.target.admin == AdminState::enabled;
    }
    recorder.end_moment(now(), in_flight, usable);
  }

  void apply(const SimEvent& event) {
    if (event.action == SimAction::reload) return reload(*event.port, event.names_strategy);
    for (const std::size_t index : event.targets) {
      targets[index]->apply(event);
      if (const auto key = sim::apply_to_pool(pool, event, target(index), port)) target_of[*key] = index;
    }
  }

  // As the command does: the pool stays, and what has changed is made anew.
  void reload(const PortSpec& wanted, bool names_strategy) {
    adapt(wanted, names_strategy ? wanted.strategy : port.strategy);
    for (const auto& each : targets) each->follow(port);
    pool.set_options(port.pool);
    if (const auto replaced = proxies.replace(port); !replaced) return fail(replaced.error());
    if (const auto started = start_monitor(); !started) fail(started.error());
  }

  // --- the end ---

  void end() {
    if (std::exchange(is_over, true)) return;
    // Those that nobody has answered have waited all the same, also those that were never sent.
    const auto has_waited = [this](Nanos due, std::uint32_t who) {
      recorder.add({due, scenario.duration - due, sim::nobody, false}, who);
    };
    for (const auto& [id, each] : open) has_waited(each.due, each.who);
    std::uint64_t unsent = 0;
    for (; next_due < scenario.duration; next_due = arrivals.next(next_due, random), ++unsent)
      has_waited(next_due, clients.draw(random));
    SimRun run = recorder.finish();
    run.late = late;
    run.unsent = unsent;
    done(std::move(run));
    close();
  }

  void fail(const Error& error) {
    if (std::exchange(is_over, true)) return;
    done(std::unexpected(error));
    close();
  }

  void close() {
    is_over = true;
    wait.reset();
    timers.end();
    if (client) client->close();
    proxies.close();
    if (monitor) monitor->close({});
    for (const auto& each : targets) each->close();
  }

  uv_loop_t* const loop;
  const Scenario& scenario;
  PortSpec port;
  LogSink& log;
  const Done done;
  const SteadyClock clock;
  base::Random random;
  sim::Clients clients;
  sim::Arrivals arrivals;
  live::FineTimers timers;
  TargetPool pool;
  live::LiveProxies proxies;
  sim::Recorder recorder;
  bool keeps_clients = false;
  std::vector<std::unique_ptr<live::LiveTarget>> targets;
  std::unique_ptr<HealthMonitor> monitor;
  std::vector<std::unique_ptr<HealthMonitor>> closed_monitors;
  std::unique_ptr<live::LiveClients> client;
  std::unordered_map<TargetKey, std::size_t> target_of;  // by key, also of those that are gone
  struct Open {
    std::uint32_t who;
    Nanos due;
  };
  std::map<std::uint64_t, Open> open;  // requests
  std::uint64_t next_request = 0;
  Nanos late{0};                     // that one was sent, at most
  Nanos next_due{Nanos::max()};      // where clients come by a rate
  std::vector<std::string> cookies;  // by client, when sessions are sticky
  std::uint64_t retries = 0;
  net::UvHandle<uv_timer_t> wait;
  bool is_begun = false;
  bool is_over = false;
};

LiveRun::LiveRun(uv_loop_t* loop, const Scenario& scenario, const std::string& strategy, LogSink& log,
                 Done done)
    : impl_(std::make_unique<Impl>(loop, scenario, strategy, log, std::move(done))) {}

LiveRun::~LiveRun() = default;

Result<void> LiveRun::start() {
  auto started = impl_->start();
  if (!started) impl_->close();
  return started;
}

}  // namespace evenkeel
