#include "proxy/affinity.hpp"

#include <algorithm>
#include <array>

#include "evenkeel/strategy.hpp"

namespace evenkeel::proxy {

std::uint64_t client_affinity(const net::PeerIp& client, Affinity by) noexcept {
  const std::span<const std::uint8_t> address = client.address();
  if (by == Affinity::ip) return affinity_of(address);
  std::array<std::uint8_t, 18> key{};
  const auto end = std::ranges::copy(address, key.begin()).out;
  end[0] = static_cast<std::uint8_t>(client.port >> 8U);
  end[1] = static_cast<std::uint8_t>(client.port & 0xffU);
  return affinity_of(std::span(key).first(address.size() + 2));
}

}  // namespace evenkeel::proxy
