// The commands that ask a running evenkeel: status, targets, reload.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "exit_codes.hpp"

namespace evenkeel::cli {

// Where a process listens when nobody says otherwise: "/run/evenkeel.sock" for root, else in XDG_RUNTIME_DIR;
// empty where there is none.
std::string usual_admin_socket();

struct ClientOptions {
  std::string socket;  // the usual one when empty
};

struct StatusOptions {
  ClientOptions client;
  bool json = false;
  bool watch = false;
};

struct TargetOptions {
  ClientOptions client;
  std::string action;  // "list", "drain", "enable", "disable", "weight", "add", "remove"
  std::string proxy;
  std::string port;  // "80/http"
  std::string url;
  std::optional<std::uint32_t> weight;
  std::optional<std::uint64_t> deadline_ms;
};

ExitCode show_status(const StatusOptions& options);
ExitCode change_targets(const TargetOptions& options);
ExitCode ask_reload(const ClientOptions& options);

}  // namespace evenkeel::cli
