// Whatever the text, parse_config() answers with a configuration that can run or with mistakes that
// say where they are; it never throws.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "evenkeel/config.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const evenkeel::Config& config) {
  require(!config.ports.empty());
  for (const evenkeel::PortSpec& port : config.ports) {
    require(port.port != 0);
    require(port.port_count >= 1 && port.port_count <= evenkeel::max_port_range);
    require(port.port + port.port_count - 1 <= 65'535);
    require(port.targets.empty() == !port.http.redirect.empty());
    for (const evenkeel::Target& target : port.targets) {
      require(target.weight <= evenkeel::max_weight);
      require(target.port_count == 1 || target.port_count == port.port_count);
      const auto again = evenkeel::Target::parse(target.id(), target.scheme);
      require(again && again->id() == target.id() && again->port_count == target.port_count);
    }
  }
}

void check(const std::vector<evenkeel::SpecError>& errors) {
  require(!errors.empty());
  for (const evenkeel::SpecError& error : errors) {
    require(error.pointer.empty() || error.pointer.starts_with('/'));
    require(!error.problem.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = evenkeel::parse_config({reinterpret_cast<const char*>(data), size});
  if (config) {
    check(*config);
  } else {
    check(config.error());
  }
  return 0;
}
