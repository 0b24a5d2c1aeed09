// Ranges of IP addresses: "10.0.0.0/8", "192.0.2.1", "fd00::/8". RFC 4632 section 3.1, RFC 4291 section 2.3.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/or_reason.hpp"

namespace evenkeel::base {

// An IPv4 address in its IPv6 form (::ffff:0:0/96, RFC 4291 section 2.5.5.2) is the IPv4 address, here
// and in read_cidr(): which of the two a socket shows depends on how its listener was made, not on
// who connects. So "::/0" is every IPv6 address, and no IPv4 one.
struct Cidr {
  std::array<std::uint8_t, 16> bytes{};  // network byte order, zeros behind the prefix
  std::uint8_t size = 4;                 // bytes of its addresses, 4 or 16
  std::uint8_t prefix = 32;              // bits

  // `ip` is the 4 or 16 bytes of an address in network byte order; nothing else is in any range.
  [[nodiscard]] bool contains(std::span<const std::uint8_t> ip) const noexcept;

  bool operator==(const Cidr&) const = default;
};

// An address, or an address and a prefix length behind "/". Bits behind the prefix are refused: of
// "10.1.2.3/8" nobody can tell whether the address or the length is the mistake.
OrReason<Cidr> read_cidr(std::string_view text) noexcept;

// All of them. Throws std::invalid_argument when one is no range.
std::vector<Cidr> read_cidrs(const std::vector<std::string>& texts);

// Whether one of `ranges` contains `ip`. O(ranges).
bool contains(std::span<const Cidr> ranges, std::span<const std::uint8_t> ip) noexcept;

}  // namespace evenkeel::base
