#include "run.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>
#include <sys/resource.h>
#include <utility>
#include <vector>

#include <uv.h>

#include "evenkeel/config.hpp"
#include "evenkeel/tailnet_node.hpp"

#include "control.hpp"
#include "port_tls.hpp"
#include "spec_file.hpp"

namespace evenkeel::cli {
namespace {

// Each proxied connection is two descriptors; the usual soft limit of 1,024 is for programs that
// still use select(), which this one does not.
void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void apply(const RunOptions& options, Config& config) {
  if (options.workers != 0) config.workers = options.workers;
  if (config.workers == 0) config.workers = std::max(1U, uv_available_parallelism());
  if (options.drain_timeout) config.drain_timeout = *options.drain_timeout;
  for (PortSpec& port : config.ports) {
    port.http.access_log |= options.access_log;
    port.tcp.access_log |= options.access_log;
    port.udp.access_log |= options.access_log;
  }
}

void report_cannot_use(LogOutput& log, const PortSpec& port, const SpecError& mistake) {
  const std::array<LogField, 4> fields{{
      {"proxy", port.proxy},
      {"port", port.key},
      {"pointer", mistake.pointer},
      {"reason", mistake.problem},
  }};
  log.log(LogLevel::error, "cannot_use_certificate", fields);
}

// All of them are tried, so that all that fail are told.
std::optional<std::vector<PortTls>> load_all(const Config& config, LogOutput& log) {
  std::vector<PortTls> loaded;
  bool all = true;
  for (const PortSpec& port : config.ports) {
    std::vector<SpecError> mistakes;
    loaded.push_back(load_tls(port, mistakes));
    for (const SpecError& mistake : mistakes) report_cannot_use(log, port, mistake);
    all = all && mistakes.empty();
  }
  if (!all) return std::nullopt;
  return loaded;
}

// A port that listened elsewhere than the spec says would be worse than none.
bool lacks_nodes(const Config& config, LogOutput& log) {
  bool any = false;
  if (TailnetNode::available()) return false;
  for (const PortSpec& port : config.ports) {
    if (port.tailnet.mode != TailnetMode::node) continue;
    any = true;
    const std::array<LogField, 3> fields{
        {{"proxy", port.proxy},
         {"port", port.key},
         {"reason",
          "this build has no embedded node (tailnet mode \"node\"); build with "
          "-DEVENKEEL_TAILNET_NODE=ON, which needs Go 1.26.6 or newer"}}};
    log.log(LogLevel::error, "cannot_start", fields);
  }
  return any;
}

}  // namespace

ExitCode run(const RunOptions& options) {
  auto config = load_spec(options.spec);
  if (!config) {
    print_errors(options.spec, config.error());
    return ExitCode::bad_spec;
  }
  apply(options, *config);
  std::signal(SIGPIPE, SIG_IGN);  // a client or a log reader that goes away is a return value, not a death
  raise_descriptor_limit();

  LogOutput log(options.log_format, options.verbose ? LogLevel::debug : LogLevel::info);
  const bool access = std::ranges::any_of(config->ports, [](const PortSpec& port) {
    return port.http.access_log || port.tcp.access_log || port.udp.access_log;
  });
  if (access) log.open_access();
  if (lacks_nodes(*config, log)) return ExitCode::bad_spec;
  auto tls = load_all(*config, log);
  if (!tls) return ExitCode::bad_spec;
  return Control(*config, std::move(*tls), log).run();
}

}  // namespace evenkeel::cli
