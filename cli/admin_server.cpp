#include "admin_server.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "evenkeel/secret.hpp"

#include "admin_client.hpp"

namespace evenkeel::cli {

void AdminServer::start(const AdminSpec& spec, Ports& ports, AdminApi::Actions actions) {
  if (!spec.on) return;
  // Empty where it cannot be read: then nobody has it.
  const auto token = read_secret(spec.token, "admin token");
  api_ = std::make_unique<AdminApi>(ports, std::move(actions), token.value_or(""));
  service_ = std::make_unique<HttpService>(
      loop_, [this](const ServiceRequest& request, const HttpService::Reply& reply) {
        api_->handle(request, reply);
      });
  listen_unix(spec);
  if (spec.listen.empty()) return;
  if (!token || token->empty()) {
    return tell("admin_unavailable", spec.listen, token ? "the admin token is empty" : token.error());
  }
  listen_tcp(spec);
}

void AdminServer::listen_unix(const AdminSpec& spec) {
  const std::string path = spec.socket.value_or(usual_admin_socket());
  if (path.empty()) return;
  const Result<void> listening = service_->listen_unix(path);
  if (listening) return tell("admin_listening", path, {});
  const bool is_taken = listening.error().code == ErrorCode::address_in_use;
  // Of the usual place nobody has said that it must be had.
  if (is_taken && !spec.socket) return;
  tell("admin_unavailable", path,
       is_taken ? "something else is there, or another evenkeel" : describe(listening.error()));
}

void AdminServer::listen_tcp(const AdminSpec& spec) {
  const std::string address = spec.listen.contains(':') ? fmt::format("[{}]:{}", spec.listen, spec.port)
                                                        : fmt::format("{}:{}", spec.listen, spec.port);
  const Result<void> listening = service_->listen({.host = spec.listen, .port = spec.port, .backlog = 16});
  if (listening) return tell("admin_listening", address, {});
  tell("admin_unavailable", address, describe(listening.error()));
}

void AdminServer::tell(std::string_view event, std::string_view address, std::string_view reason) {
  const std::array<LogField, 2> fields{{{"address", address}, {"reason", reason}}};
  const std::span<const LogField> all(fields);
  log_.log(reason.empty() ? LogLevel::info : LogLevel::warning, event, all.first(reason.empty() ? 1 : 2));
}

void AdminServer::close() {
  if (service_) service_->close([] {});
}

}  // namespace evenkeel::cli
