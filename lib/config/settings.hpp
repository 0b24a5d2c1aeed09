// What a port can be told at three levels: the document, its proxy, the port itself.
#pragma once

#include <span>
#include <string>

#include "config/fields.hpp"

namespace evenkeel::config {

// Starts from the defaults and is copied inwards; each level overlays what it says.
struct Settings {
  std::string listen = PortSpec{}.listen;
  std::string strategy = PortSpec{}.strategy;
  PoolOptions pool;
  bool health_on = true;  // beside the options, so that an inner level can turn it on again as it was
  HealthOptions health;
  bool outlier_on = true;
  OutlierOptions outlier;
  HttpOptions http;
};

std::span<const Field<Settings>> settings_fields() noexcept;

// What the keys of one level can only tell together.
void check_settings(const Cursor& level);
// Reports the keys that make sense only where there are targets.
void refuse_balancing(const Cursor& redirect_port);

// A value for the Host field.
void read_host(const Cursor& at, std::string& out);

void apply(const Settings& settings, PortSpec& port);

}  // namespace evenkeel::config
