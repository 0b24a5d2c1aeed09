// The checksum CRC-32C (Castagnoli), RFC 3720 section 12.1 and RFC 4960 appendix B.
#pragma once

#include <cstdint>
#include <string_view>

namespace evenkeel::base {

// Goes on from `before`, the checksum of the bytes in front of these, so that
// crc32c(b, crc32c(a)) is that of a and b together. O(bytes), by a table of 1 KiB.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0) noexcept;

}  // namespace evenkeel::base
