#include "worker.hpp"

#include <system_error>
#include <utility>

#include "evenkeel/http_proxy.hpp"
#include "evenkeel/tcp_proxy.hpp"
#include "evenkeel/udp_proxy.hpp"

namespace evenkeel::cli {

Worker::Worker(std::span<const WorkerPort> ports, StrategyArgs args, LogSink& log, Reporter report)
    : ports_(ports), args_(args), log_(log), report_(std::move(report)) {}

Worker::~Worker() {
  join();
}

Result<void> Worker::start() {
  std::promise<Result<void>> promise;
  auto started = promise.get_future();
  try {
    thread_ = std::thread(&Worker::run, this, std::move(promise));
  } catch (const std::system_error& error) {
    return std::unexpected(Error{ErrorCode::system, Fault::us, false, error.code().value()});
  }
  return started.get();
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::run(std::promise<Result<void>> started) {
  uv_loop_t loop;
  if (const int failed = uv_loop_init(&loop); failed != 0) {
    started.set_value(std::unexpected(Error{ErrorCode::system, Fault::us, false, -failed}));
    return;
  }
  if (const int failed = commands_.open(&loop, [this](Command command) { obey(command); }); failed != 0) {
    uv_loop_close(&loop);
    started.set_value(std::unexpected(Error{ErrorCode::system, Fault::us, false, -failed}));
    return;
  }
  proxies_.reserve(ports_.size());
  for (const WorkerPort& port : ports_) proxies_.push_back(make_proxy(&loop, port));
  started.set_value({});

  uv_run(&loop, UV_RUN_DEFAULT);  // until close_proxies() has taken the last handle away
  proxies_.clear();
  uv_loop_close(&loop);
  report_({WorkerReport::Kind::closed, {}});
}

std::unique_ptr<Proxy> Worker::make_proxy(uv_loop_t* loop, const WorkerPort& port) const {
  auto strategy = port.strategy(args_);
  switch (port.spec->protocol) {
    case Protocol::http:
    case Protocol::https:
      break;
    case Protocol::tcp: {
      TcpOptions options = port.spec->tcp;
      options.client_guard = port.client_guard;
      options.gate = port.gate;
      return std::make_unique<TcpProxy>(loop, *port.pool, std::move(strategy), std::move(options), log_);
    }
    case Protocol::udp: {
      UdpOptions options = port.spec->udp;
      options.gate = port.gate;
      return std::make_unique<UdpProxy>(loop, *port.pool, std::move(strategy), std::move(options), log_);
    }
  }
  HttpOptions options = port.spec->http;
  options.client_guard = port.client_guard;
  options.tls = port.tls.server;
  options.target_tls = port.tls.client;
  return std::make_unique<HttpProxy>(loop, *port.pool, std::move(strategy), std::move(options), log_);
}

void Worker::obey(Command command) {
  switch (command) {
    case Command::listen:
      open_listeners();
      break;
    case Command::drain:
      drain_proxies();
      break;
    case Command::close:
      close_proxies();
      break;
  }
}

void Worker::open_listeners() {
  WorkerReport report{WorkerReport::Kind::listening, {}};
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    const PortSpec& spec = *ports_[i].spec;
    const auto listening = proxies_[i]->listen(
        {.host = spec.listen, .port = spec.port, .reuse_port = true, .count = spec.port_count});
    if (!listening) report.failures.emplace_back(i, listening.error());
  }
  if (!report.failures.empty()) report.kind = WorkerReport::Kind::cannot_listen;
  report_(std::move(report));
}

void Worker::drain_proxies() {
  draining_ = proxies_.size();
  for (const auto& proxy : proxies_) {
    proxy->drain([this] {
      if (--draining_ == 0) report_({WorkerReport::Kind::drained, {}});
    });
  }
}

void Worker::close_proxies() {
  commands_.close();
  // Nothing waits for the callbacks: uv_run() returns once the last handle is gone.
  for (const auto& proxy : proxies_) proxy->close([] {});
}

}  // namespace evenkeel::cli
