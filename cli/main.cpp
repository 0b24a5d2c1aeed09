// The evenkeel command: the library's first embedder. Everything here goes through the public headers.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <map>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "evenkeel/strategy.hpp"

#include "admin_client.hpp"
#include "cert.hpp"
#include "check.hpp"
#include "exit_codes.hpp"
#include "run.hpp"
#include "simulate.hpp"

namespace evenkeel::cli {
namespace {

constexpr const char* about =
    "evenkeel puts services that have more than one copy behind one port: HTTP, HTTPS, TCP and UDP,\n"
    "balanced and health checked, from one JSON port spec.";

constexpr const char* examples =
    "Examples:\n"
    "  evenkeel check ports.json                 what would run, or every mistake in the spec\n"
    "  evenkeel run ports.json                   run it; SIGTERM or Ctrl-C drains, a second one ends now\n"
    "  evenkeel run - --access-log < ports.json  the spec from standard input, one line a request\n"
    "  evenkeel status --watch                   what a running one does, every two seconds\n"
    "  evenkeel targets drain myapp 80/http http://127.0.0.1:9001\n"
    "  evenkeel cert --self-signed localhost     a certificate to try https ports out\n"
    "  evenkeel simulate slow-replica.json       what would happen to a fleet\n"
    "\n"
    "A spec in short:\n"
    "  { \"proxies\": { \"myapp\": { \"ports\": { \"8080/http\": {\n"
    "      \"targets\": [\"http://127.0.0.1:9001\", \"http://127.0.0.1:9002\"] } } } } }\n"
    "\n";

constexpr const char* exit_codes =
    "Exit codes:\n"
    "  0  all went well\n"
    "  1  the spec cannot be read, has mistakes, or names a certificate that cannot be used\n"
    "  2  wrong usage of the command\n"
    "  3  a port cannot be listened on; nothing was left running\n"
    "  4  the system refused something else, such as a thread or memory\n"
    "  5  stopped, but work under way was cut: by the drain timeout or a second signal";

const std::map<std::string, LogFormat> log_formats{
    {"auto", LogFormat::automatic}, {"text", LogFormat::text}, {"json", LogFormat::json}};
const std::map<std::string, LogFormat> access_formats{
    {"text", LogFormat::text}, {"json", LogFormat::json}, {"combined", LogFormat::combined}};

const std::map<std::string, std::uint64_t> duration_units{
    {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}};

// Started with a closed descriptor 0, 1 or 2, the first socket would get its number, and be fed
// what is printed.
void hold_standard_descriptors() noexcept {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO) fd = ::open("/dev/null", O_RDWR);
  if (fd > STDERR_FILENO) ::close(fd);
}

void add_spec_argument(CLI::App& command, std::string& spec) {
  command.add_option("SPEC", spec, "JSON port spec; - reads standard input")->required()->type_name("");
}

CLI::App* add_check(CLI::App& app, CheckOptions& options) {
  CLI::App* command = app.add_subcommand("check", "Say what a spec would run, or all that is wrong with it");
  add_spec_argument(*command, options.spec);
  command->add_flag("--json", options.json, "Print JSON, for programs");
  command->footer("");
  return command;
}

// As they come from the command line, checked, but not yet what RunOptions holds.
struct RunArguments {
  std::string log_format = "auto";
  std::string access_format;
  std::uint64_t drain_ms = 0;
  const CLI::Option* drain = nullptr;
};

CLI::App* add_run(CLI::App& app, RunOptions& options, RunArguments& arguments) {
  CLI::App* command = app.add_subcommand("run", "Run a spec until SIGTERM or SIGINT");
  add_spec_argument(*command, options.spec);
  command->add_option("--workers", options.workers, "Worker loops (default: as in the spec, else one a core)")
      ->check(CLI::Range(1, 256).description(""))
      ->type_name("N");
  command->add_option("--log-format", arguments.log_format, "auto is text on a terminal, else JSON lines")
      ->check(CLI::IsMember(log_formats).description(""))
      ->type_name("auto|text|json");
  command
      ->add_option("--access-format", arguments.access_format,
                   "Of access logs; that of the log when left out")
      ->check(CLI::IsMember(access_formats).description(""))
      ->type_name("text|json|combined");
  command->add_flag("--access-log", options.access_log, "One line a request on stdout, for every port");
  command->add_flag("--watch", options.watch, "Reload the spec when its file changes, as SIGHUP does");
  command->add_flag("-v,--verbose", options.verbose, "Log what is of interest when something is wrong");
  arguments.drain =
      command
          ->add_option("--drain-timeout", arguments.drain_ms,
                       "Wait so long for work under way at the end: 10s")
          ->transform(
              CLI::AsNumberWithUnit(duration_units, CLI::AsNumberWithUnit::UNIT_REQUIRED).description(""))
          ->type_name("TIME");
  command->footer(exit_codes);
  return command;
}

CLI::App* add_cert(CLI::App& app, CertOptions& options) {
  CLI::App* command = app.add_subcommand("cert", "Make a certificate to try https ports out");
  command->add_option("--self-signed", options.names, "The DNS names and IP addresses that it is for")
      ->required()
      ->expected(1, -1)
      ->type_name("NAME");
  command->add_option("--out", options.directory, "Where NAME.pem and NAME.key go (default: here)")
      ->type_name("DIR");
  command->add_option("--days", options.days, "How long it is good (default: 365)")
      ->check(CLI::Range(1, 3'650).description(""))
      ->type_name("N");
  command->add_flag("--force", options.force, "Overwrite files that are there");
  command->footer(
      "Exit codes:\n"
      "  0  all went well\n"
      "  2  wrong usage: a name that is none, or a file that is there already\n"
      "  4  a file cannot be written");
  return command;
}

#ifdef EVENKEEL_SIM
CLI::App* add_simulate(CLI::App& app, SimulateOptions& options) {
  CLI::App* command = app.add_subcommand("simulate", "Say what would happen to a fleet");
  command->add_option("SCENARIO", options.scenario, "JSON scenario; - reads standard input")
      ->required()
      ->type_name("");
  std::vector<std::string> names(strategy_names().begin(), strategy_names().end());
  command->add_option("--strategy", options.strategies, "A run with each of these, instead of the scenario's")
      ->check(CLI::IsMember(std::move(names)).description(""))
      ->type_name("NAME");
  command->add_option("--seed", options.seed, "Other random numbers")->type_name("N");
  command->add_flag("--live", options.live, "On real sockets of this machine, in real time");
  command->add_flag("--json", options.json, "Print JSON, for programs");
  command->add_option("--report", options.report, "Write a page with plots")->type_name("FILE");
  command->footer(
      "Exit codes:\n"
      "  0  all that is expected holds\n"
      "  1  something does not, or the scenario has mistakes\n"
      "  2  wrong usage of the command\n"
      "  4  the report cannot be written, or this machine cannot carry the load");
  return command;
}
#endif

void add_socket_option(CLI::App& command, ClientOptions& options) {
  command.add_option("--socket", options.socket, "The admin socket of the process (default: the usual one)")
      ->type_name("PATH");
}

constexpr const char* client_exit_codes =
    "Exit codes:\n"
    "  0  all went well\n"
    "  2  wrong usage of the command\n"
    "  4  no evenkeel answers there, or it refused";

CLI::App* add_status(CLI::App& app, StatusOptions& options) {
  CLI::App* command =
      app.add_subcommand("status", "Show what a running evenkeel does: ports, targets, health");
  add_socket_option(*command, options.client);
  command->add_flag("--json", options.json, "Print JSON, for programs");
  command->add_flag("-w,--watch", options.watch, "Again every two seconds");
  command->footer(client_exit_codes);
  return command;
}

CLI::App* add_reload(CLI::App& app, ClientOptions& options) {
  CLI::App* command = app.add_subcommand("reload", "Let a running evenkeel read its spec again");
  add_socket_option(*command, options);
  command->footer(client_exit_codes);
  return command;
}

// What takes PROXY PORT URL.
CLI::App* add_target_action(CLI::App& targets, TargetOptions& options, const char* action, const char* what) {
  CLI::App* command = targets.add_subcommand(action, what);
  add_socket_option(*command, options.client);
  command->add_option("PROXY", options.proxy, "The proxy's name in the spec")->required()->type_name("");
  command->add_option("PORT", options.port, "The port's key in the spec, such as 80/http")
      ->required()
      ->type_name("");
  command->add_option("TARGET", options.url, "The target, such as http://127.0.0.1:3000")
      ->required()
      ->type_name("");
  command->callback([&options, action] { options.action = action; });
  command->footer("");
  return command;
}

struct TargetArguments {
  std::uint32_t weight = 1;
  std::uint64_t deadline_ms = 0;
};

CLI::App* add_targets(CLI::App& app, TargetOptions& options, TargetArguments& arguments) {
  CLI::App* command =
      app.add_subcommand("targets", "Drain, enable, add and remove targets of a running evenkeel");
  command->require_subcommand(1);
  CLI::App* list = command->add_subcommand("list", "Show them");
  add_socket_option(*list, options.client);
  list->callback([&options] { options.action = "list"; });
  CLI::App* drain =
      add_target_action(*command, options, "drain", "No new work for it; what is under way goes on");
  drain->add_option("--deadline", arguments.deadline_ms, "Cut what is still under way then: 30s")
      ->transform(CLI::AsNumberWithUnit(duration_units, CLI::AsNumberWithUnit::UNIT_REQUIRED).description(""))
      ->each([&](const std::string&) { options.deadline_ms = 0; })
      ->type_name("TIME");
  add_target_action(*command, options, "enable", "Use it again");
  add_target_action(*command, options, "disable", "No work for it, and no health checks");
  CLI::App* weight = add_target_action(*command, options, "weight", "Its share of new work");
  weight->add_option("WEIGHT", arguments.weight, "0 to 65535")
      ->required()
      ->check(CLI::Range(0, 65'535).description(""))
      ->type_name("");
  CLI::App* add = add_target_action(*command, options, "add", "Add one, until the process ends");
  add->add_option("--weight", arguments.weight, "Its share of new work (default: 1)")
      ->check(CLI::Range(0, 65'535).description(""))
      ->type_name("N");
  add_target_action(*command, options, "remove", "Remove one that was added");
  command->footer(client_exit_codes);
  return command;
}

ExitCode run_command(int argc, char** argv) {
  CLI::App app(about, "evenkeel");
  app.set_version_flag("--version", "evenkeel " EVENKEEL_VERSION, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.get_formatter()->column_width(34);
  app.require_subcommand(0, 1);
  app.footer(std::string(examples) + exit_codes);

  CheckOptions check_options;
  RunOptions run_options;
  RunArguments run_arguments;
  const CLI::App* check_command = add_check(app, check_options);
  CertOptions cert_options;
  const CLI::App* cert_command = add_cert(app, cert_options);
  const CLI::App* run_command = add_run(app, run_options, run_arguments);
#ifdef EVENKEEL_SIM
  SimulateOptions simulate_options;
  const CLI::App* simulate_command = add_simulate(app, simulate_options);
#endif
  StatusOptions status_options;
  const CLI::App* status_command = add_status(app, status_options);
  TargetOptions target_options;
  TargetArguments target_arguments;
  const CLI::App* targets_command = add_targets(app, target_options, target_arguments);
  ClientOptions reload_options;
  const CLI::App* reload_command = add_reload(app, reload_options);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 ends --help and --version by way of an exception, too.
    return app.exit(error) == 0 ? ExitCode::ok : ExitCode::bad_usage;
  }
  if (check_command->parsed()) return check(check_options);
  if (cert_command->parsed()) return cert(cert_options);
#ifdef EVENKEEL_SIM
  if (simulate_command->parsed()) return simulate(simulate_options);
#endif
  if (status_command->parsed()) return show_status(status_options);
  if (reload_command->parsed()) return ask_reload(reload_options);
  if (targets_command->parsed()) {
    target_options.weight = target_arguments.weight;
    if (target_options.deadline_ms) target_options.deadline_ms = target_arguments.deadline_ms;
    return change_targets(target_options);
  }
  if (run_command->parsed()) {
    run_options.log_format = log_formats.at(run_arguments.log_format);
    if (!run_arguments.access_format.empty())
      run_options.access_format = access_formats.at(run_arguments.access_format);
    if (!run_arguments.drain->empty()) {
      run_options.drain_timeout = std::chrono::milliseconds(run_arguments.drain_ms);
    }
    return run(run_options);
  }
  fmt::print(stderr, "{}", app.help());
  return ExitCode::bad_usage;
}

}  // namespace
}  // namespace evenkeel::cli

int main(int argc, char** argv) {
  using evenkeel::cli::ExitCode;
  evenkeel::cli::hold_standard_descriptors();
  try {
    return static_cast<int>(evenkeel::cli::run_command(argc, argv));
  } catch (const std::exception& error) {
    fmt::print(stderr, "evenkeel: {}\n", error.what());
    return static_cast<int>(ExitCode::internal);
  }
}
