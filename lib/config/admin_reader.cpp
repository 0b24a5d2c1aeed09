#include "config/admin_reader.hpp"

#include <utility>

#include "config/ip_and_port.hpp"

namespace evenkeel::config {
namespace {

constexpr std::string_view socket_form =
    "an absolute path of at most 100 bytes, such as \"/run/evenkeel.sock\", or false";
constexpr std::string_view listen_form =
    "a loopback address and a port, such as \"127.0.0.1:9901\" or \"[::1]:9901\"";
constexpr std::string_view token_form = "where the token is: \"file:PATH\" or \"env:NAME\"";
constexpr std::size_t longest_path = 100;  // sun_path has room for 107

void read_socket(const Cursor& at, AdminSpec& out) {
  if (at.json() == false) {
    out.socket = "";
    return;
  }
  auto path = at.string(socket_form);
  if (!path) return;
  if (!path->starts_with('/') || path->size() > longest_path || path->contains('\0')) {
    return at.fail_value(std::string(socket_form));
  }
  out.socket = std::move(*path);
}

// From elsewhere it would be an open door: whoever wants that has a tailnet.
bool is_loopback(std::string_view ip) noexcept {
  return ip.starts_with("127.") || ip == "::1";
}

void read_listen(const Cursor& at, AdminSpec& out) {
  const auto text = at.string(listen_form);
  if (!text) return;
  const auto place = read_ip_and_port(*text);
  if (!place || place->port == 0 || !is_loopback(place->ip)) return at.fail_value(std::string(listen_form));
  out.listen = place->ip;
  out.port = place->port;
}

// Somebody may have put the token itself here: it is not repeated, whatever it is.
void read_token(const Cursor& at, AdminSpec& out) {
  auto place = at.string(token_form);
  if (!place) return;
  const bool named =
      (place->starts_with("file:") && place->size() > 5) || (place->starts_with("env:") && place->size() > 4);
  if (!named || place->contains('\0')) {
    return at.fail("is not where a token is; a token itself has no place in a spec", std::string(token_form));
  }
  out.token = std::move(*place);
}

}  // namespace

std::span<const Field<AdminSpec>> admin_fields() noexcept {
  static constexpr Field<AdminSpec> fields[] = {
      {"socket", read_socket},
      {"listen", read_listen},
      {"token", read_token},
  };
  return fields;
}

void read_admin(const Cursor& at, Config& config) {
  if (at.json().is_boolean() && !at.json().get<bool>()) {
    config.admin.on = false;
    return;
  }
  if (!at.is_object("an object with \"socket\", \"listen\" or \"token\", or false")) return;
  read_members(at, Table<AdminSpec>{admin_fields(), config.admin});
  const AdminSpec& admin = config.admin;
  if (!admin.listen.empty() && admin.token.empty() && !at.has("token")) {
    at.fail("has a \"listen\" without a \"token\": every local process could give orders",
            "\"token\": \"file:PATH\" or \"env:NAME\"");
  }
  if (admin.listen.empty() && !at.has("listen") && at.has("token")) {
    at.member("token")->fail("has no meaning without \"listen\": the socket asks for none",
                             "that, or no \"token\"");
  }
}

}  // namespace evenkeel::config
