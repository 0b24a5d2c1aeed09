// The balancing core with health checks, on the host's own loop. The traffic stays the host's affair:
// it asks the balancer where the next piece of work should go.
//
// One target is a listener in this program, the other a port where nobody listens. After the first
// checks every pick falls on the first one; when its listener closes, that is noticed, too.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <netinet/in.h>
#include <string>

#include <uv.h>

#include "evenkeel/evenkeel.hpp"

using namespace std::chrono_literals;

namespace {

void check(bool fine, const char* what) {
  if (fine) return;
  std::cerr << "pick_with_health: " << what << '\n';
  std::exit(1);
}

std::uint16_t listen_somewhere(uv_loop_t* loop, uv_tcp_t* listener) {
  sockaddr_in address{};
  uv_ip4_addr("127.0.0.1", 0, &address);
  uv_tcp_init(loop, listener);
  uv_tcp_bind(listener, reinterpret_cast<const sockaddr*>(&address), 0);
  const auto on_connection = [](uv_stream_t* server, int) {
    auto* client = new uv_tcp_t;
    uv_tcp_init(server->loop, client);
    uv_accept(server, reinterpret_cast<uv_stream_t*>(client));
    uv_close(reinterpret_cast<uv_handle_t*>(client),
             [](uv_handle_t* closed) { delete reinterpret_cast<uv_tcp_t*>(closed); });
  };
  check(uv_listen(reinterpret_cast<uv_stream_t*>(listener), 16, on_connection) == 0, "cannot listen");
  int length = sizeof address;
  uv_tcp_getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

template <class Handle>
void close_handle(Handle* handle) {
  uv_close(reinterpret_cast<uv_handle_t*>(handle), nullptr);
}

evenkeel::Target target_at(std::uint16_t port) {
  auto target = evenkeel::Target::parse("tcp://127.0.0.1:" + std::to_string(port));
  check(target.has_value(), "not a target");
  return *target;
}

}  // namespace

int main() {
  uv_loop_t loop;
  uv_loop_init(&loop);

  uv_tcp_t alive;
  uv_tcp_t gone;
  const std::uint16_t alive_port = listen_somewhere(&loop, &alive);
  const std::uint16_t gone_port = listen_somewhere(&loop, &gone);
  close_handle(&gone);

  const evenkeel::SteadyClock clock;
  evenkeel::LogSink silent;
  evenkeel::TargetPool pool({}, clock);
  const auto key = pool.add(target_at(alive_port));
  check(key && pool.add(target_at(gone_port)), "targets were not added");

  evenkeel::HealthOptions health;
  health.type = evenkeel::CheckType::tcp;
  health.interval = 50ms;
  health.timeout = 1s;
  health.fall = 2;
  evenkeel::HealthMonitor monitor(&loop, pool, health, {}, clock, silent, /*seed=*/1);
  evenkeel::Balancer balancer(pool, (*evenkeel::find_strategy("roundrobin"))({}));

  // A program that hangs is no example.
  uv_timer_t watchdog;
  uv_timer_init(&loop, &watchdog);
  uv_timer_start(&watchdog, [](uv_timer_t*) { check(false, "nothing happened for 10 s"); }, 10'000, 0);

  int picked = 0;
  monitor.on_first_round([&] {
    for (int i = 0; i < 100; ++i) {
      auto lease = balancer.pick();
      check(lease && lease->key() == *key, "a pick fell on the target that is down");
      // Here the host would do the work; then it tells how it went:
      lease->answered(800us);
      lease->report(evenkeel::Outcome::success);
      ++picked;
    }
    close_handle(&alive);  // the backend dies
  });

  bool went_down = false;
  monitor.on_change([&](const evenkeel::HealthEvent& event) {
    std::cout << event.target << " is " << to_string(event.to) << ' ' << event.reason << '\n';
    if (event.key != *key || event.to != evenkeel::Health::down) return;
    went_down = true;
    check(!balancer.pick(), "picked although all are down");
    close_handle(&watchdog);
    monitor.close([] {});
  });

  check(monitor.start().has_value(), "the monitor did not start");
  uv_run(&loop, UV_RUN_DEFAULT);  // ends by itself: every handle is closed

  check(picked == 100 && went_down, "not everything happened");
  check(uv_loop_close(&loop) == 0, "the loop still had handles");
  return 0;
}
