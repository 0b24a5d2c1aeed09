#include "admin_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <span>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <uv.h>

#include "evenkeel/local_http.hpp"

#include "json.hpp"
#include "text_table.hpp"

namespace evenkeel::cli {
namespace {

using Answer = std::expected<LocalHttpResponse, std::string>;

constexpr std::chrono::milliseconds watch_interval{2'000};

Answer ask(const ClientOptions& options, std::string method, std::string path, std::string body = {}) {
  LocalHttpRequest request;
  request.socket = options.socket.empty() ? usual_admin_socket() : options.socket;
  request.who = "evenkeel";
  request.method = std::move(method);
  request.path = std::move(path);
  request.body = std::move(body);
  if (request.socket.empty()) {
    return std::unexpected(
        "there is no usual place for the admin socket without XDG_RUNTIME_DIR; name it with --socket");
  }
  uv_loop_t loop;
  if (const int failed = uv_loop_init(&loop); failed != 0) return std::unexpected(uv_strerror(failed));
  Answer answer = std::unexpected("no answer");
  {
    const LocalHttpCall call(&loop, std::move(request), [&](Answer got) { answer = std::move(got); });
    uv_run(&loop, UV_RUN_DEFAULT);
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  return answer;
}

// What the API says of a failure; the whole answer when that is none of its own.
std::string detail_of(const LocalHttpResponse& response) {
  const Json json = Json::parse(response.body, nullptr, false);
  if (json.is_object() && json.contains("detail")) return json["detail"].get<std::string>();
  return fmt::format("status {}", response.status);
}

ExitCode fail(std::string_view why) {
  fmt::print(stderr, "evenkeel: {}\n", why);
  return ExitCode::internal;
}

// Prints what came of an order.
ExitCode report(const Answer& answer) {
  if (!answer) return fail(answer.error());
  if (answer->status >= 400) return fail(detail_of(*answer));
  fmt::print("{}\n", detail_of(*answer));
  return ExitCode::ok;
}

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string ms_text(const Json& value) {
  if (!value.is_number()) return "-";
  const double ms = value.get<double>();
  if (ms < 10) return fmt::format("{:.1f}ms", ms);
  return ms < 10'000 ? fmt::format("{:.0f}ms", ms) : fmt::format("{:.1f}s", ms / 1'000);
}

// "2026-11-26T06:24:00Z", as how long ago that is.
std::string ago_text(const std::string& time) {
  std::tm parts{};
  if (::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) == nullptr) return "-";
  const auto seconds = std::max<std::int64_t>(0, std::time(nullptr) - ::timegm(&parts));
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (seconds < 7'200) return fmt::format("{}m", seconds / 60);
  return seconds < 172'800 ? fmt::format("{}h", seconds / 3'600) : fmt::format("{}d", seconds / 86'400);
}

// A target can name itself with what moves the cursor of a terminal.
std::string printable(std::string text) {
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
  return text;
}

void print_port(const Json& port) {
  fmt::print("{} {}  {}  {}  {}", port["proxy"].get<std::string>(), port["port"].get<std::string>(),
             port["address"].get<std::string>(), port["state"].get<std::string>(),
             port.contains("strategy") ? port["strategy"].get<std::string>()
                                       : "redirect to " + printable(port.value("redirect", "")));
  fmt::print("  {} done, {} open\n", port["work"]["requests"].get<std::uint64_t>(),
             port["connections"]["open"].get<std::uint64_t>());
  const std::string reason = printable(port.value("reason", ""));
  if (!reason.empty()) fmt::print("  {}\n", reason);
  if (port["targets"].empty()) return;
  TextTable table({"  TARGET", "HEALTH", "SINCE", "WHY", "IN FLIGHT", "REQUESTS", "P50", "P99", "ERRORS"});
  for (const Json& target : port["targets"]) {
    const Json& work = target["work"];
    const bool enabled = target["state"] == "enabled";
    table.add({"  " + printable(target["id"].get<std::string>()),
               enabled ? target["health"].get<std::string>() : target["state"].get<std::string>(),
               ago_text(target["since"].get<std::string>()), printable(target["reason"].get<std::string>()),
               std::to_string(target["in_flight"].get<std::uint64_t>()),
               std::to_string(work["requests"].get<std::uint64_t>()), ms_text(work["p50_ms"]),
               ms_text(work["p99_ms"]), std::to_string(work["errors"].get<std::uint64_t>())});
  }
  table.print();
}

ExitCode print_status(const StatusOptions& options) {
  const Answer answer = ask(options.client, "GET", "/v1/status");
  if (!answer) return fail(answer.error());
  if (answer->status != 200) return fail(detail_of(*answer));
  if (options.json) {
    fmt::print("{}", answer->body);
    return ExitCode::ok;
  }
  const Json json = Json::parse(answer->body, nullptr, false);
  if (!json.is_object() || !json.contains("ports")) return fail("what answers there is no evenkeel");
  if (options.watch) fmt::print("\x1b[H\x1b[2J");
  fmt::print("evenkeel {}, pid {}, up {}, {} workers\n", json["version"].get<std::string>(),
             json["pid"].get<std::uint64_t>(), ago_text(json["started"].get<std::string>()),
             json["workers"].get<std::uint64_t>());
  for (const Json& port : json["ports"]) {
    fmt::print("\n");
    print_port(port);
  }
  std::fflush(stdout);
  return ExitCode::ok;
}

}  // namespace

std::string usual_admin_socket() {
  if (::geteuid() == 0) return "/run/evenkeel.sock";
  const char* directory = std::getenv("XDG_RUNTIME_DIR");
  return directory == nullptr || *directory != '/' ? "" : std::string(directory) + "/evenkeel.sock";
}

ExitCode show_status(const StatusOptions& options) {
  ExitCode code = print_status(options);
  while (options.watch && code == ExitCode::ok) {
    std::this_thread::sleep_for(watch_interval);
    code = print_status(options);
  }
  return code;
}

ExitCode change_targets(const TargetOptions& options) {
  const std::size_t slash = options.port.find('/');
  if (options.action == "list") {
    return print_status({.client = options.client});
  }
  if (slash == std::string::npos) return fail("the port has to be named as in the spec: 80/http");
  const std::string path =
      fmt::format("/v1/ports/{}/{}/{}/targets", encoded(options.proxy),
                  encoded(options.port.substr(0, slash)), encoded(options.port.substr(slash + 1)));
  const std::string named = path + "?id=" + encoded(options.url);
  Json body = Json::object();
  if (options.action == "add") {
    body["url"] = options.url;
    if (options.weight) body["weight"] = *options.weight;
    return report(
        ask(options.client, "POST", path, body.dump(-1, ' ', false, Json::error_handler_t::replace)));
  }
  if (options.action == "remove") return report(ask(options.client, "DELETE", named));
  if (options.action == "weight") {
    body["weight"] = options.weight.value_or(1);
  } else {
    body["state"] = options.action == "enable"    ? "enabled"
                    : options.action == "disable" ? "disabled"
                                                  : "draining";
    if (options.deadline_ms) body["deadline_ms"] = *options.deadline_ms;
  }
  return report(ask(options.client, "PATCH", named, body.dump()));
}

ExitCode ask_reload(const ClientOptions& options) {
  return report(ask(options, "POST", "/v1/reload"));
}

}  // namespace evenkeel::cli
