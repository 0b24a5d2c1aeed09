// One loop in one thread, with a proxy for each listener of each port.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <uv.h>

#include "evenkeel/access.hpp"
#include "evenkeel/clock.hpp"
#include "evenkeel/config.hpp"
#include "evenkeel/identity.hpp"
#include "evenkeel/listening_sockets.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/port_metrics.hpp"
#include "evenkeel/proxy.hpp"
#include "evenkeel/strategy.hpp"
#include "evenkeel/tailnet_node.hpp"
#include "evenkeel/target_pool.hpp"

#include "mailbox.hpp"
#include "port_tls.hpp"
#include "slot_stats.hpp"

namespace evenkeel::cli {

// A listener of a port, which has several when it is on a tailnet. Never used again for another.
using Slot = std::size_t;

// Where tailscaled brings what it forwards, and nobody else is believed to be it.
inline constexpr std::string_view loopback = "127.0.0.1";

// What a worker makes a proxy of.
struct WorkerPort {
  std::shared_ptr<const PortSpec> spec;
  const TargetPool* pool = nullptr;  // until the slot is gone
  StrategyMaker strategy;
  // One for all workers, where the port's protocol has it.
  std::shared_ptr<ClientGuard> client_guard;
  std::shared_ptr<PortGate> gate;
  std::shared_ptr<RetryReserve> retry_reserve;
  PortTls tls;
  std::shared_ptr<const AccessList> allow;  // who may use it; null: everybody
  bool behind_tailscaled = false;           // which starts each connection with a PROXY header
  const TailnetNode* node = nullptr;        // that hands it its connections; until the slot is gone
  std::shared_ptr<PortMetrics> metrics;     // told of everything that ends
};

// What a worker knows of itself.
struct WorkerStats {
  std::vector<std::pair<Slot, SlotStats>> slots;
  std::chrono::nanoseconds lag{0};  // the longest that its loop was late, since it was asked last
};

// What a worker tells its owner, from its own thread.
struct WorkerReport {
  enum class Kind : std::uint8_t {
    opened,        // the slot accepts
    not_opened,    // it does not, for `error`
    not_attached,  // the same of what attach() was to do
    not_replaced,  // its proxy goes on as it was, for `error`
    gone,          // nothing is left of the slot in this worker
    drained,       // no client connection is left
    stats,         // what was asked for
    closed,        // its last word: every proxy is gone, join() will not wait
  };
  Kind kind = Kind::closed;
  Slot slot = 0;
  Error error{};
  std::shared_ptr<const WorkerStats> stats = nullptr;
};

// Thread rule: the public calls belong to the control thread. The proxies are made, used and destroyed on the
// worker's own thread. What is asked of a worker happens in the order in which it was asked.
class Worker {
 public:
  using Reporter = std::function<void(WorkerReport)>;

  // `report` is called on the worker's thread. `log` outlives the worker.
  Worker(StrategyArgs args, LogSink& log, Reporter report);
  ~Worker();  // joins: close() must have been called if start() succeeded
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Returns when the loop runs.
  Result<void> start();

  void add(Slot slot, WorkerPort port);
  // Where it listens already it stays, and reports once more.
  void open(Slot slot, ListenAddress address);
  // The same with sockets that are there.
  void adopt(Slot slot, std::shared_ptr<ListeningSockets> sockets);
  void attach(Slot slot, int descriptor, std::uint16_t port_offset);
  // Another proxy takes the sockets over. What is under way in the old one goes on until it ends by itself.
  void replace(Slot slot, WorkerPort port);
  // What is under way ends by itself, or after `patience`.
  void remove(Slot slot, std::chrono::milliseconds patience);
  // The pool of the slot has published.
  void wake(Slot slot);
  // Ends what is under way on a target.
  void cut(Slot slot, TargetKey target);
  void report_stats();
  void drain();
  // Ends everything now. The worker's last command.
  void close();
  void join();

 private:
  using Command = std::function<void()>;
  // A proxy that ends.
  struct Leaving;
  struct Served {
    WorkerPort port;
    std::unique_ptr<Proxy> proxy;  // none: it is on its way out
    std::vector<std::unique_ptr<Leaving>> leaving;
  };

  void run(std::promise<Result<void>> started);
  [[nodiscard]] std::unique_ptr<Proxy> make_proxy(const WorkerPort& port);
  [[nodiscard]] HttpOptions http_options(const WorkerPort& port);
  [[nodiscard]] std::shared_ptr<WorkObserver> observer_of(const WorkerPort& port) const;
  [[nodiscard]] std::shared_ptr<IdentitySource> identity_of(const WorkerPort& port);
  void on_replace(Slot slot, WorkerPort port);
  Leaving& let_go(Slot slot, std::unique_ptr<Proxy> proxy);
  void on_left(Slot slot, const Leaving* gone);
  void on_drained();
  void close_all();
  void end_if_empty();
  [[nodiscard]] WorkerStats stats();
  void start_lag_clock();

  const StrategyArgs args_;
  LogSink& log_;
  const Reporter report_;
  const SteadyClock clock_;
  Mailbox<Command> commands_;

  // Worker thread only.
  uv_loop_t loop_{};
  std::map<Slot, Served> served_;
  // By tailscaled's socket, by node, and by whether loopback is asked about.
  std::map<std::tuple<std::string, const TailnetNode*, bool>, std::shared_ptr<IdentitySource>> identities_;
  uv_timer_t lag_clock_{};
  std::uint64_t lag_due_ns_ = 0;
  std::uint64_t lag_ns_ = 0;
  // Of proxies that are gone.
  std::map<Slot, SlotStats> past_;
  std::size_t draining_ = 0;
  bool closing_ = false;

  std::thread thread_;
};

}  // namespace evenkeel::cli
