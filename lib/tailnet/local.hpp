// tailscaled's LocalAPI, by the client of lib/local.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "local/json.hpp"
#include "local/local_api.hpp"

namespace evenkeel::tailnet {

#if defined(__APPLE__)
inline constexpr std::string_view default_socket_path = "/var/run/tailscaled.socket";
#else
inline constexpr std::string_view default_socket_path = "/var/run/tailscale/tailscaled.sock";
#endif

using local::bool_member;
using local::Json;
using local::LocalApi;
using local::LocalApiError;
using local::LocalApiOptions;
using local::LocalCall;
using local::LocalRequest;
using local::LocalResponse;
using local::LocalResult;
using local::member;
using local::read_json;
using local::string_member;
using local::strings_member;
using local::unexpected_status;
using local::without_trailing_dot;

// Where it usually is when empty.
inline LocalApiOptions tailscaled_at(std::string socket) {
  LocalApiOptions options;
  options.socket_path = socket.empty() ? std::string(default_socket_path) : std::move(socket);
  options.who = "tailscaled";
  options.host = "local-tailscaled.sock";
  options.when_forbidden = "run as root, or allow this user once with `tailscale set --operator=$USER`";
  return options;
}

}  // namespace evenkeel::tailnet
