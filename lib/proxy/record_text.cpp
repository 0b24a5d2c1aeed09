#include "proxy/record_text.hpp"

#include <fmt/format.h>

namespace evenkeel::proxy {

std::string_view peer_text(const PeerName& peer, std::span<char, max_peer_text> out) noexcept {
  if (peer.ip.empty()) return "unix";
  const bool is_v6 = peer.ip.find(':') != std::string_view::npos;
  const char* const end = is_v6 ? fmt::format_to(out.data(), "[{}]:{}", peer.ip, peer.port)
                                : fmt::format_to(out.data(), "{}:{}", peer.ip, peer.port);
  return {out.data(), static_cast<std::size_t>(end - out.data())};
}

std::chrono::microseconds elapsed(std::uint64_t from_ns, std::uint64_t to_ns) noexcept {
  constexpr std::uint64_t ns_per_us = 1'000;
  return std::chrono::microseconds(to_ns > from_ns ? (to_ns - from_ns) / ns_per_us : 0);
}

}  // namespace evenkeel::proxy
