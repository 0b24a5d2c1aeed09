// The little of RFC 6455 that an echo of small frames needs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace evenkeel::bench::ws {

inline constexpr char binary_frame = static_cast<char>(0x82);  // FIN, opcode 2
inline constexpr char masked = static_cast<char>(0x80);
inline constexpr std::size_t most_bytes = 125;  // more would need a longer length field

inline void mask(std::string& payload, std::string_view key) noexcept {
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(payload[i] ^ key[i % 4]);
}

// A client's frame has a key of four bytes; a server's has none. The payload is at most `most_bytes`.
inline std::string frame(std::string payload, std::string_view key = {}) {
  std::string out{binary_frame, static_cast<char>(payload.size())};
  if (!key.empty()) {
    out[1] = static_cast<char>(out[1] | masked);
    out += key;
    mask(payload, key);
  }
  return out + payload;
}

}  // namespace evenkeel::bench::ws
