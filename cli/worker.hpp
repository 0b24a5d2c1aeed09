// One loop in one thread, with one proxy for every port of the spec.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <uv.h>

#include "evenkeel/config.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/proxy.hpp"
#include "evenkeel/strategy.hpp"
#include "evenkeel/target_pool.hpp"

#include "mailbox.hpp"
#include "port_tls.hpp"

namespace evenkeel::cli {

// What a worker needs to know of a port. Both pointers outlive the worker.
struct WorkerPort {
  const PortSpec* spec = nullptr;
  const TargetPool* pool = nullptr;
  StrategyMaker strategy;
  // One for all workers, where the port's protocol has it.
  std::shared_ptr<ClientGuard> client_guard;
  std::shared_ptr<PortGate> gate;
  PortTls tls;
};

// What a worker tells its owner, from its own thread.
struct WorkerReport {
  enum class Kind : std::uint8_t {
    listening,      // every port accepts
    cannot_listen,  // `failures` says which ports, and why; the others accept
    drained,        // no client connection is left
    closed,         // its last word: every proxy is gone, join() will not wait
  };
  Kind kind = Kind::closed;
  std::vector<std::pair<std::size_t, Error>> failures;  // index into the ports
};

// Thread rule: the public calls belong to the control thread. The proxies are made, used and
// destroyed on the worker's own thread; only Proxy::wake() crosses over.
class Worker {
 public:
  using Reporter = std::function<void(WorkerReport)>;

  // `report` is called on the worker's thread. `ports` and `log` outlive the worker.
  Worker(std::span<const WorkerPort> ports, StrategyArgs args, LogSink& log, Reporter report);
  ~Worker();  // joins: close() must have been called if start() succeeded
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Returns when the loop runs and the proxies exist; nothing listens yet.
  Result<void> start();

  void listen() { commands_.post(Command::listen); }
  void drain() { commands_.post(Command::drain); }
  // Ends everything now. The worker's last command.
  void close() { commands_.post(Command::close); }
  // The pool of ports[port] has published. Not after close().
  void wake(std::size_t port) noexcept { proxies_[port]->wake(); }
  void join();

 private:
  enum class Command : std::uint8_t { listen, drain, close };

  void run(std::promise<Result<void>> started);
  void obey(Command command);
  [[nodiscard]] std::unique_ptr<Proxy> make_proxy(uv_loop_t* loop, const WorkerPort& port) const;
  void open_listeners();
  void drain_proxies();
  void close_proxies();

  const std::span<const WorkerPort> ports_;
  const StrategyArgs args_;
  LogSink& log_;
  const Reporter report_;
  Mailbox<Command> commands_;

  // Filled before start() returns and emptied after close(): in between, wake() may read it.
  std::vector<std::unique_ptr<Proxy>> proxies_;
  std::size_t draining_ = 0;  // worker thread only

  std::thread thread_;
};

}  // namespace evenkeel::cli
