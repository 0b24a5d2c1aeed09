#include "run.hpp"

#include <algorithm>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <uv.h>

#include "evenkeel/config.hpp"

#include "control.hpp"
#include "descriptor_limit.hpp"
#include "service_manager.hpp"
#include "spec_file.hpp"

namespace evenkeel::cli {
namespace {

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
  const auto text = read_spec(options.spec);
  if (!text) {
    print_errors(options.spec, text.error());
    return ExitCode::bad_spec;
  }
  const bool is_piped = options.spec == "-";
  // What was piped cannot be read again; what it names can.
  const auto load_anew = [options, piped = is_piped ? std::optional(*text) : std::nullopt] {
    return piped ? load_text(*piped) : load_spec(options.spec);
  };
  const Reloader::Load load = [options, load_anew](const std::shared_ptr<const SpecSource>& source,
                                                   const DockerFindings& found,
                                                   const FoundBefore& before) -> Reloader::Loaded {
    Reloader::Loaded loaded = source ? Reloader::Loaded(LoadedSpec(source)) : load_anew();
    if (!loaded) return loaded;
    auto lost = add_found(*loaded, found, before, source == nullptr);
    // Nothing about the containers has changed: it is the spec that has no room for them any more.
    if (source == nullptr && !lost.empty()) return std::unexpected(std::move(lost));
    apply(options, loaded->config);
    return loaded;
  };
  auto loaded = load_text(*text);
  if (!loaded) {
    print_errors(options.spec, loaded.error());
    return ExitCode::bad_spec;
  }
  apply(options, loaded->config);
  std::signal(SIGPIPE, SIG_IGN);  // a client or a log reader that goes away is a return value, not a death
  raise_descriptor_limit();

  LogOutput log(options.log_format, options.verbose ? LogLevel::debug : LogLevel::info);
  // A reload may turn it on.
  log.open_access(options.access_format.value_or(options.log_format));
  ControlOptions control;
  control.workers = loaded->config.workers;
  control.load = load;
  control.is_piped = is_piped;
  if (options.watch) control.watched = options.spec;
  return Control(std::move(control), log, manager).run(std::move(*loaded));
}

}  // namespace evenkeel::cli
