#include "config/transport_reader.hpp"

#include "base/cidr.hpp"

namespace evenkeel::config {
namespace {

// The kernel counts these in seconds, and no further than to 32,767.
template <auto Member>
void read_seconds(const Cursor& at, KeepAlive& out) {
  const auto value = at.duration(std::chrono::milliseconds(1));
  if (!value) return;
  if (*value % std::chrono::seconds(1) != std::chrono::milliseconds(0) || *value > std::chrono::hours(9)) {
    return at.fail_value("whole seconds, from \"1s\" to \"9h\"");
  }
  out.*Member = *value;
}

}  // namespace

std::span<const Field<KeepAlive>> keep_alive_fields() noexcept {
  static constexpr Field<KeepAlive> fields[] = {
      {"after", read_seconds<&KeepAlive::after>},
      {"interval", read_seconds<&KeepAlive::interval>},
      {"probes", read_number<&KeepAlive::probes, 1, 127>},
  };
  return fields;
}

void read_keep_alive(const Cursor& at, Settings& settings) {
  KeepAlive& keep_alive = settings.tcp.keep_alive;
  if (at.json().is_boolean()) {
    keep_alive.on = at.json() == true;
  } else if (at.is_object("true, false, or an object with \"after\", \"interval\" or \"probes\"")) {
    keep_alive.on = true;
    read_members(at, Table<KeepAlive>{keep_alive_fields(), keep_alive});
  }
}

void read_no_delay(const Cursor& at, Settings& settings) {
  read_flag<&TcpOptions::no_delay>(at, settings.tcp);
}

void read_proxy_protocol(const Cursor& at, Settings& settings) {
  static constexpr std::string_view names[] = {"v1", "v2"};
  static constexpr ProxyVersion versions[] = {ProxyVersion::v1, ProxyVersion::v2};
  if (at.json() == false) {
    settings.tcp.proxy_protocol = ProxyVersion::none;
  } else if (!at.json().is_string()) {
    at.fail_type("\"v1\", \"v2\", or false");
  } else if (const auto index = at.choice("version of the PROXY protocol", names)) {
    settings.tcp.proxy_protocol = versions[*index];
  }
}

void read_accepted_proxies(const Cursor& at, Settings& settings) {
  constexpr std::string_view form = "an address or a prefix, such as \"10.0.0.0/8\" or \"::1\"";
  if (!at.is_array("an array of addresses and prefixes, such as [\"10.0.0.0/8\"]")) return;
  std::vector<std::string> peers;
  at.each_element([&](const Cursor& element) {
    auto text = element.string(form);
    if (!text) return;
    if (const auto range = base::read_cidr(*text); !range) {
      return element.fail(in_quotes(*text) + ' ' + std::string(range.error()), std::string(form));
    }
    peers.push_back(std::move(*text));
  });
  settings.http.accept_proxy_protocol = peers;
  settings.tcp.accept_proxy_protocol = std::move(peers);
}

void read_replies(const Cursor& at, Settings& settings) {
  read_number<&UdpOptions::replies, 0, 1'000'000>(at, settings.udp);
}

void read_receive_buffer(const Cursor& at, Settings& settings) {
  read_bytes<&UdpOptions::receive_buffer, 0, 1ULL << 30>(at, settings.udp);
}

}  // namespace evenkeel::config
