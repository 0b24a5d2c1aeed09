#include "worker.hpp"

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "evenkeel/http_proxy.hpp"
#include "evenkeel/tcp_proxy.hpp"
#include "evenkeel/udp_proxy.hpp"

namespace evenkeel::cli {
namespace {

constexpr std::string_view loopback = "127.0.0.1";

}  // namespace

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
  if (const int failed = commands_.open(&loop, [this](const Command& command) { obey(command); });
      failed != 0) {
    uv_loop_close(&loop);
    started.set_value(std::unexpected(Error{ErrorCode::system, Fault::us, false, -failed}));
    return;
  }
  proxies_.reserve(ports_.size());
  for (const WorkerPort& port : ports_) proxies_.push_back(make_proxy(&loop, port));
  started.set_value({});

  uv_run(&loop, UV_RUN_DEFAULT);  // until end() has taken the last handle away
  uv_loop_close(&loop);
  report_({WorkerReport::Kind::closed, {}});
}

std::unique_ptr<Proxy> Worker::make_proxy(uv_loop_t* loop, const WorkerPort& port) {
  auto strategy = port.strategy(args_);
  switch (port.spec->protocol) {
    case Protocol::http:
    case Protocol::https:
      break;
    case Protocol::tcp: {
      TcpOptions options = port.spec->tcp;
      options.client_guard = port.client_guard;
      options.gate = port.gate;
      options.allow = port.allow;
      if (port.allow) options.identity = identity_of(loop, port);
      if (port.behind_tailscaled) options.accept_proxy_protocol = {std::string(loopback)};
      return std::make_unique<TcpProxy>(loop, *port.pool, std::move(strategy), std::move(options), log_);
    }
    case Protocol::udp: {
      UdpOptions options = port.spec->udp;
      options.gate = port.gate;
      return std::make_unique<UdpProxy>(loop, *port.pool, std::move(strategy), std::move(options), log_);
    }
  }
  return std::make_unique<HttpProxy>(loop, *port.pool, std::move(strategy), http_options(loop, port), log_);
}

HttpOptions Worker::http_options(uv_loop_t* loop, const WorkerPort& port) {
  HttpOptions options = port.spec->http;
  options.client_guard = port.client_guard;
  options.tls = port.tls.server;
  options.target_tls = port.tls.client;
  options.identity = identity_of(loop, port);
  options.identity_headers = port.spec->identity_headers;
  options.allow = port.allow;
  if (port.behind_tailscaled) options.accept_proxy_protocol = {std::string(loopback)};
  return options;
}

// One for all ports of a tailscaled or a node: what one of them has asked, the others know.
std::shared_ptr<IdentitySource> Worker::identity_of(uv_loop_t* loop, const WorkerPort& port) {
  const TailnetSpec& tailnet = port.spec->tailnet;
  if (tailnet.mode == TailnetMode::off) return nullptr;
  std::shared_ptr<IdentitySource>& source = identities_[{tailnet.socket, port.node, port.behind_tailscaled}];
  if (source) return source;
  if (port.node != nullptr) {
    source = port.node->identities(loop, clock_);
  } else {
    // Behind tailscaled clients are named by a header: a loopback address is nobody's.
    source = make_identity_source(loop, tailnet.socket, clock_, !port.behind_tailscaled);
  }
  return source;
}

void Worker::obey(const Command& command) {
  switch (command.kind) {
    case Command::Kind::listen:
      open_listeners();
      break;
    case Command::Kind::listen_at:
      open_listener(command.port, command.address);
      break;
    case Command::Kind::attach:
      attach_listener(command);
      break;
    case Command::Kind::drain:
      drain_proxies();
      break;
    case Command::Kind::close:
      close_proxies();
      break;
    case Command::Kind::end:
      end();
      break;
  }
}

void Worker::open_listeners() {
  WorkerReport report{WorkerReport::Kind::listening, {}};
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    if (ports_[i].told_later) continue;
    const PortSpec& spec = *ports_[i].spec;
    const auto listening = proxies_[i]->listen(
        {.host = spec.listen, .port = spec.port, .reuse_port = true, .count = spec.port_count});
    if (!listening) report.failures.emplace_back(i, listening.error());
  }
  if (!report.failures.empty()) report.kind = WorkerReport::Kind::cannot_listen;
  report_(std::move(report));
}

void Worker::open_listener(std::size_t port, const ListenAddress& address) {
  Proxy& proxy = *proxies_[port];
  if (proxy.port() == 0) {
    if (const auto listening = proxy.listen(address); !listening) {
      return report_({WorkerReport::Kind::not_opened, {{port, listening.error()}}});
    }
  }
  report_({WorkerReport::Kind::opened, {}, port});
}

void Worker::attach_listener(const Command& command) {
  const auto attached = proxies_[command.port]->attach(command.descriptor, command.port_offset);
  if (!attached) report_({WorkerReport::Kind::not_attached, {{command.port, attached.error()}}});
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
  closing_ = proxies_.size();
  for (const auto& proxy : proxies_) {
    proxy->close([this] {
      // Not from within its callback: it is about to be destroyed.
      if (--closing_ == 0) commands_.post({Command::Kind::end});
    });
  }
}

// Questions about identity that are under way would keep the loop until they are answered.
void Worker::end() {
  proxies_.clear();
  identities_.clear();
  commands_.close();
}

}  // namespace evenkeel::cli
