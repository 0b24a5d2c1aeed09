#include "config/discovery_reader.hpp"

#include <utility>

namespace evenkeel::config {
namespace {

void read_files(const Cursor& at, DiscoverySpec& out) {
  constexpr std::string_view form = "the absolute path of a directory, such as \"/etc/evenkeel/conf.d\"";
  auto path = at.string(form);
  if (!path) return;
  if (!path->starts_with('/') || path->contains('\0')) return at.fail_value(std::string(form));
  out.files = std::move(*path);
}

}  // namespace

std::span<const Field<DiscoverySpec>> discovery_fields() noexcept {
  static constexpr Field<DiscoverySpec> fields[] = {
      {"files", read_files},
  };
  return fields;
}

void read_discovery(const Cursor& at, Config& config) {
  read_object(at, discovery_fields(), config.discovery);
}

}  // namespace evenkeel::config
