#include "evenkeel/health_monitor.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include <uv.h>

#include "net/tls_client.hpp"
#include "net/uv_handle.hpp"
#include "pool/monitor_core.hpp"
#include "proxy/http_check.hpp"
#include "proxy/tcp_check.hpp"
#include "proxy/udp_check.hpp"

namespace evenkeel {
namespace {

// What remains of a monitor between close() and the last callback of libuv.
struct Closing {
  std::vector<std::unique_ptr<HealthCheck>> graves;
  std::vector<std::function<void()>> told;
  bool over = false;
};

}  // namespace

// Drives the core by one timer.
struct HealthMonitor::Impl {
  Impl(uv_loop_s* on_loop, TargetPool& pool, const HealthOptions& options, OutlierOptions outlier,
       const Clock& clock, LogSink& log, std::uint64_t seed, HealthCheckMaker maker);

  HealthCheckMaker built_in_check(const HealthOptions& options);
  Result<void> start();
  void close(std::function<void()> closed);
  void wake_at(TimePoint due);

  uv_loop_t* loop;
  const Clock& clock;
  net::TlsConnector tls_connector;
  net::UvHandle<uv_timer_t> timer;
  net::UvHandle<uv_async_t> async;
  pool::MonitorCore core;
  std::shared_ptr<Closing> closing;
};

HealthMonitor::Impl::Impl(uv_loop_s* on_loop, TargetPool& pool, const HealthOptions& options,
                          OutlierOptions outlier, const Clock& a_clock, LogSink& log, std::uint64_t seed,
                          HealthCheckMaker maker)
    : loop(on_loop),
      clock(a_clock),
      tls_connector(options.tls),
      timer(net::make_handle<uv_timer_t>(uv_timer_init, on_loop)),
      core(pool, options, outlier, a_clock, log, seed, maker ? std::move(maker) : built_in_check(options),
           [this](TimePoint due) { wake_at(due); }) {
  if (!timer) throw std::bad_alloc();
  timer->data = this;
}

HealthCheckMaker HealthMonitor::Impl::built_in_check(const HealthOptions& options) {
  switch (options.type) {
    case CheckType::tcp:
      return [this] { return std::make_unique<proxy::TcpCheck>(loop, core.options); };
    case CheckType::http:
      return [this] { return std::make_unique<proxy::HttpCheck>(loop, core.options, tls_connector); };
    case CheckType::udp:
      return [this] { return std::make_unique<proxy::UdpCheck>(loop, core.options); };
    case CheckType::none:
      break;
  }
  return {};
}

Result<void> HealthMonitor::Impl::start() {
  if (async || closing) return std::unexpected(Error{ErrorCode::invalid_argument, Fault::us, false, 0});
  auto handle = std::make_unique<uv_async_t>();
  const int status = uv_async_init(loop, handle.get(), [](uv_async_t* ringing) {
    if (ringing->data != nullptr) static_cast<Impl*>(ringing->data)->core.find_suspects();
  });
  if (status != 0) return std::unexpected(Error{ErrorCode::system, Fault::us, false, -status});
  async.reset(handle.release());
  async->data = this;
  core.start([ringing = async.get()] { uv_async_send(ringing); });
  return {};
}

void HealthMonitor::Impl::wake_at(TimePoint due) {
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(due - clock.now());
  uv_update_time(loop);  // the loop's cached time may be long past: the timer would be early
  uv_timer_start(
      timer.get(),
      [](uv_timer_t* expired) {
        if (expired->data != nullptr) static_cast<Impl*>(expired->data)->core.turn();
      },
      static_cast<std::uint64_t>(std::max<std::chrono::milliseconds::rep>(wait.count(), 0)), 0);
}

void HealthMonitor::Impl::close(std::function<void()> closed) {
  if (!closing) {
    closing = std::make_shared<Closing>();
    core.stop();
    async.reset();
    // A listener may have called this from within a check that just ended.
    closing->graves = std::move(core.graves);
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

// --- the public face ---

HealthMonitor::HealthMonitor(uv_loop_t* loop, TargetPool& pool, const HealthOptions& options,
                             OutlierOptions outlier, const Clock& clock, LogSink& log, std::uint64_t seed,
                             HealthCheckMaker check)
    : impl_(std::make_unique<Impl>(loop, pool, options, outlier, clock, log, seed, std::move(check))) {}

HealthMonitor::~HealthMonitor() = default;

Result<void> HealthMonitor::start() {
  return impl_->start();
}

void HealthMonitor::close(std::function<void()> closed) {
  impl_->close(std::move(closed));
}

void HealthMonitor::on_change(std::function<void(const HealthEvent&)> listener) {
  impl_->core.on_change.push_back(std::move(listener));
}

void HealthMonitor::on_first_round(std::function<void()> listener) {
  impl_->core.on_first_round.push_back(std::move(listener));
  impl_->core.arm();
}

}  // namespace evenkeel
