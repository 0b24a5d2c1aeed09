// What a port can be told at three levels: the document, its proxy, the port itself.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "config/fields.hpp"

namespace evenkeel::config {

// Starts from the defaults and is copied inwards; each level overlays what it says.
struct Settings {
  std::string listen = PortSpec{}.listen;
  std::optional<std::string> strategy;  // nobody said: that of the protocol
  std::uint32_t hash_balance_factor = 0;
  PoolOptions pool;
  bool health_on = true;  // beside the options, so that an inner level can turn it on again as it was
  HealthOptions health;   // without its type, which is `check`
  std::optional<CheckType> check;  // what was asked for, not always in words; none: that of the protocol
  bool outlier_on = true;
  OutlierOptions outlier;
  HttpOptions http;
  bool sticky_on = false;
  std::optional<Cursor> cookie;  // whose name was said, for what is wrong with it in some ports only
  TcpOptions tcp;
  UdpOptions udp;
  TlsServerOptions tls;
  bool has_certificates = false;  // said, if wrongly
  TlsClientOptions target_tls;
  SpecPlaces places;
  bool tailnet_on = false;
  bool has_mode = false;  // of a tailnet; said, if wrongly
  TailnetSpec tailnet;
  IdentityHeaders identity_headers = IdentityHeaders::tailscale;
  std::vector<std::string> allow;
  std::optional<Cursor> idle;  // the value of timeouts.idle, for what is wrong with it in some ports only
};

std::span<const Field<Settings>> settings_fields() noexcept;

// What the keys of one level can only tell together.
void check_settings(const Cursor& level);
// Reports the keys that make sense only where there are targets.
void refuse_balancing(const Cursor& redirect_port);

// A value for the Host field.
void read_host(const Cursor& at, std::string& out);

// What a port with this protocol, whose name is known, makes of them.
void apply(const Settings& settings, PortSpec& port);

}  // namespace evenkeel::config
