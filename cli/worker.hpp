// One loop in one thread, with one proxy for every port of the spec.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <span>
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
#include "evenkeel/log.hpp"
#include "evenkeel/proxy.hpp"
#include "evenkeel/strategy.hpp"
#include "evenkeel/tailnet_node.hpp"
#include "evenkeel/target_pool.hpp"

#include "mailbox.hpp"
#include "port_tls.hpp"

namespace evenkeel::cli {

// What a worker needs to know of a listener: one of a port's, which has several when it is on a tailnet. All
// pointers outlive the worker.
struct WorkerPort {
  const PortSpec* spec = nullptr;
  const TargetPool* pool = nullptr;
  StrategyMaker strategy;
  // One for all workers, where the port's protocol has it.
  std::shared_ptr<ClientGuard> client_guard;
  std::shared_ptr<PortGate> gate;
  PortTls tls;
  std::shared_ptr<const AccessList> allow;  // who may use it; null: everybody
  bool told_later = false;                  // where it listens: listen_at() or attach() will say
  bool behind_tailscaled = false;           // which starts each connection with a PROXY header
  const TailnetNode* node = nullptr;        // that hands it its connections: attach()
};

// What a worker tells its owner, from its own thread.
struct WorkerReport {
  enum class Kind : std::uint8_t {
    listening,      // every listener accepts but those that are told later
    cannot_listen,  // `failures` says which of them do not, and why; the others accept
    opened,         // that one accepts
    not_opened,     // `failures` has that one, and why
    not_attached,   // the same of what attach() was to do
    drained,        // no client connection is left
    closed,         // its last word: every proxy is gone, join() will not wait
  };
  Kind kind = Kind::closed;
  std::vector<std::pair<std::size_t, Error>> failures{};  // index into the listeners
  std::size_t port = 0;                                   // of `opened`
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

  void listen() { commands_.post({Command::Kind::listen}); }
  // One that is told later. Where it listens already it stays, and reports once more.
  void listen_at(std::size_t port, ListenAddress address) {
    commands_.post({Command::Kind::listen_at, port, std::move(address)});
  }
  // Takes over a descriptor for Proxy::attach(). Not after drain().
  void attach(std::size_t port, int descriptor, std::uint16_t port_offset) {
    commands_.post({Command::Kind::attach, port, {}, descriptor, port_offset});
  }
  void drain() { commands_.post({Command::Kind::drain}); }
  // Ends everything now. The worker's last command.
  void close() { commands_.post({Command::Kind::close}); }
  // The pool of ports[port] has published. Not after close().
  void wake(std::size_t port) noexcept { proxies_[port]->wake(); }
  void join();

 private:
  struct Command {
    enum class Kind : std::uint8_t { listen, listen_at, attach, drain, close, end };
    Kind kind;
    std::size_t port = 0;
    ListenAddress address{};
    int descriptor = -1;
    std::uint16_t port_offset = 0;
  };

  void run(std::promise<Result<void>> started);
  void obey(const Command& command);
  [[nodiscard]] std::unique_ptr<Proxy> make_proxy(uv_loop_t* loop, const WorkerPort& port);
  [[nodiscard]] HttpOptions http_options(uv_loop_t* loop, const WorkerPort& port);
  [[nodiscard]] std::shared_ptr<IdentitySource> identity_of(uv_loop_t* loop, const WorkerPort& port);
  void open_listeners();
  void open_listener(std::size_t port, const ListenAddress& address);
  void attach_listener(const Command& command);
  void drain_proxies();
  void close_proxies();
  void end();

  const std::span<const WorkerPort> ports_;
  const StrategyArgs args_;
  LogSink& log_;
  const Reporter report_;
  const SteadyClock clock_;
  Mailbox<Command> commands_;

  // Filled before start() returns and emptied after close(): in between, wake() may read it.
  std::vector<std::unique_ptr<Proxy>> proxies_;
  // Worker thread only.
  // By tailscaled's socket, and by node.
  std::map<std::tuple<std::string, const TailnetNode*, bool>, std::shared_ptr<IdentitySource>> identities_;
  std::size_t draining_ = 0;
  std::size_t closing_ = 0;

  std::thread thread_;
};

}  // namespace evenkeel::cli
