#include "run.hpp"

#include <algorithm>
#include <csignal>
#include <optional>
#include <sys/resource.h>
#include <utility>
#include <vector>

#include <uv.h>

#include "evenkeel/config.hpp"

#include "control.hpp"
#include "service_manager.hpp"
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

}  // namespace

ExitCode run(const RunOptions& options) {
  ServiceManager manager;
  const auto load = [options](const DockerFindings& found) {
    auto loaded = load_spec(options.spec, found);
    if (loaded) apply(options, loaded->config);
    return loaded;
  };
  auto loaded = load({});
  if (!loaded) {
    print_errors(options.spec, loaded.error());
    return ExitCode::bad_spec;
  }
  std::signal(SIGPIPE, SIG_IGN);  // a client or a log reader that goes away is a return value, not a death
  raise_descriptor_limit();

  LogOutput log(options.log_format, options.verbose ? LogLevel::debug : LogLevel::info);
  // A reload may turn it on.
  log.open_access(options.access_format.value_or(options.log_format));
  ControlOptions control;
  control.workers = loaded->config.workers;
  if (options.spec != "-") control.load = load;
  if (options.watch) control.watched = options.spec;
  return Control(std::move(control), log, manager).run(std::move(*loaded));
}

}  // namespace evenkeel::cli
