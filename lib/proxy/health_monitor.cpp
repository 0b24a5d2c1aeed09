#include "evenkeel/health_monitor.hpp"

#include <algorithm>
#include <new>

#include "proxy/http_check.hpp"
#include "proxy/monitor_impl.hpp"
#include "proxy/tcp_check.hpp"
#include "proxy/udp_check.hpp"

namespace evenkeel {
namespace {

using namespace std::chrono_literals;
using proxy::Closing;

constexpr auto tick_every = 1s;
// A timer that is this late is not late: libuv counts in milliseconds, and a turn takes some time.
constexpr auto tolerated_lag = 5ms;

}  // namespace

HealthMonitor::Impl::Impl(uv_loop_s* on_loop, TargetPool& of_pool, HealthOptions health_options,
                          OutlierOptions outlier_options, const Clock& a_clock, LogSink& a_log,
                          std::uint64_t seed, HealthCheckMaker a_maker)
    : loop(on_loop),
      pool(of_pool),
      options(std::move(health_options)),
      outlier(outlier_options),
      clock(a_clock),
      log(a_log),
      make_check(std::move(a_maker)),
      random(seed),
      schedule({options.interval, options.jitter_percent, options.max_concurrent}, random),
      ejections(outlier),
      timer(net::make_handle<uv_timer_t>(uv_timer_init, on_loop)) {
  if (!timer) throw std::bad_alloc();
  timer->data = this;
  if (!make_check) make_check = built_in_check();
}

HealthCheckMaker HealthMonitor::Impl::built_in_check() {
  switch (options.type) {
    case CheckType::tcp:
      return [this] { return std::make_unique<proxy::TcpCheck>(loop, options); };
    case CheckType::http:
      return [this] { return std::make_unique<proxy::HttpCheck>(loop, options, tls_connector); };
    case CheckType::udp:
      return [this] { return std::make_unique<proxy::UdpCheck>(loop, options); };
    case CheckType::none:
      break;
  }
  return {};
}

Result<void> HealthMonitor::Impl::start() {
  if (started || closing) return std::unexpected(Error{ErrorCode::invalid_argument, Fault::us, false, 0});
  auto handle = std::make_unique<uv_async_t>();
  const int status = uv_async_init(loop, handle.get(), [](uv_async_t* ringing) {
    if (ringing->data != nullptr) static_cast<Impl*>(ringing->data)->find_suspects();
  });
  if (status != 0) return std::unexpected(Error{ErrorCode::system, Fault::us, false, -status});
  async.reset(handle.release());
  async->data = this;
  started = true;

  // Only noted: a change can come from a listener of ours, in the middle of our own work.
  subscription = pool.subscribe([this] {
    pool_changed = true;
    arm();
  });
  pool.watch_failures(outlier.consecutive_failures, [handle = async.get()] { uv_async_send(handle); });
  next_tick = clock.now() + tick_every;
  sync();
  for (const auto& [key, member] : members) {
    if (member.checked) first_round.insert(key);
  }
  arm();
  return {};
}

void HealthMonitor::Impl::stop() {
  if (!std::exchange(started, false)) return;
  pool.unsubscribe(subscription);
  pool.watch_failures(0, {});
  running.clear();
}

void HealthMonitor::Impl::close(std::function<void()> closed) {
  if (!closing) {
    closing = std::make_shared<Closing>();
    stop();
    async.reset();
    // A listener may have called this from within a check that just ended.
    closing->graves = std::move(graves);
    // Twice round: every handle that a check closed in this turn is gone after the first close
    // callback's turn, whatever the order in which libuv calls them.
    uv_timer_t* last = timer.release();
    last->data = new std::shared_ptr<Closing>(closing);
    uv_close(reinterpret_cast<uv_handle_t*>(last), [](uv_handle_t* once) {
      void* data = once->data;
      uv_timer_init(once->loop, reinterpret_cast<uv_timer_t*>(once));
      once->data = data;
      uv_close(once, [](uv_handle_t* twice) {
        const std::unique_ptr<uv_timer_t> handle(reinterpret_cast<uv_timer_t*>(twice));
        const std::unique_ptr<std::shared_ptr<Closing>> state(
            static_cast<std::shared_ptr<Closing>*>(twice->data));
        (*state)->graves.clear();
        (*state)->over = true;
        for (const auto& tell : std::exchange((*state)->told, {})) tell();
      });
    });
  }
  if (!closed) return;
  if (closing->over) return closed();
  closing->told.push_back(std::move(closed));
}

// --- time ---

void HealthMonitor::Impl::turn() {
  measure_lag(clock.now());
  graves.clear();
  if (std::exchange(pool_changed, false)) sync();
  end_late_checks();
  end_ejections();
  if (closing) return;
  if (const TimePoint now = clock.now(); now >= next_tick) {
    next_tick = now + tick_every;
    pool.tick();
  }
  start_due_checks();
  tell_first_round();
  arm();
}

// The uv_timer is set for whatever comes first. Called after everything that may change that.
void HealthMonitor::Impl::arm() {
  if (!started) return;
  const TimePoint now = clock.now();
  measure_lag(now);
  TimePoint due = next_tick;
  const auto consider = [&due](TimePoint time) { due = std::min(due, time); };
  if (pool_changed || !graves.empty() || (first_round.empty() && !on_first_round.empty())) consider(now);
  if (const auto next = schedule.next_due()) consider(*next);
  if (const auto next = ejections.next_expiry()) consider(*next);
  for (const auto& [key, check] : running) consider(check.deadline);
  // While checks are under way the timer is also the measure of the loop's lag.
  if (!running.empty()) consider(now + std::max<std::chrono::nanoseconds>(options.timeout / lag_share, 1ms));
  due = std::max(due, now);

  armed_for = due;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(due - now);
  uv_update_time(loop);  // the loop's cached time may be long past: the timer would be early
  uv_timer_start(
      timer.get(),
      [](uv_timer_t* expired) {
        if (expired->data != nullptr) static_cast<Impl*>(expired->data)->turn();
      },
      static_cast<std::uint64_t>(wait.count()), 0);
}

void HealthMonitor::Impl::measure_lag(TimePoint now) {
  if (armed_for && now > *armed_for + tolerated_lag) lag += now - *armed_for;
  armed_for.reset();
}

// --- the public face ---

HealthMonitor::HealthMonitor(uv_loop_t* loop, TargetPool& pool, HealthOptions options, OutlierOptions outlier,
                             const Clock& clock, LogSink& log, std::uint64_t seed, HealthCheckMaker check)
    : impl_(std::make_unique<Impl>(loop, pool, std::move(options), outlier, clock, log, seed,
                                   std::move(check))) {}

HealthMonitor::~HealthMonitor() = default;

Result<void> HealthMonitor::start() {
  return impl_->start();
}

void HealthMonitor::close(std::function<void()> closed) {
  impl_->close(std::move(closed));
}

void HealthMonitor::on_change(std::function<void(const HealthEvent&)> listener) {
  impl_->on_change.push_back(std::move(listener));
}

void HealthMonitor::on_first_round(std::function<void()> listener) {
  impl_->on_first_round.push_back(std::move(listener));
  impl_->arm();
}

}  // namespace evenkeel
