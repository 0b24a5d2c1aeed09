// Which protocols a key of the spec is for.
#pragma once

#include <cstdint>
#include <string>

#include "evenkeel/config.hpp"

namespace evenkeel::config {

inline constexpr Protocol all_protocols[] = {Protocol::http, Protocol::https, Protocol::tcp, Protocol::udp};

class Protocols {
 public:
  template <class... P>
  explicit constexpr Protocols(P... protocols) noexcept
      : bits_(static_cast<std::uint8_t>((0U | ... | bit(protocols)))) {}

  [[nodiscard]] constexpr bool contains(Protocol protocol) const noexcept {
    return (bits_ & bit(protocol)) != 0;
  }

 private:
  static constexpr unsigned bit(Protocol protocol) noexcept { return 1U << static_cast<unsigned>(protocol); }

  std::uint8_t bits_;
};

inline constexpr Protocols for_all(Protocol::http, Protocol::https, Protocol::tcp, Protocol::udp);
inline constexpr Protocols for_http(Protocol::http, Protocol::https);
inline constexpr Protocols for_https(Protocol::https);
inline constexpr Protocols for_tcp(Protocol::tcp);
inline constexpr Protocols for_udp(Protocol::udp);
inline constexpr Protocols for_http_and_tcp(Protocol::http, Protocol::https, Protocol::tcp);
inline constexpr Protocols for_tcp_and_udp(Protocol::tcp, Protocol::udp);

// "https", "http and https", "http, https and tcp".
std::string names_of(Protocols protocols);
// "a tcp port", "an https port".
std::string port_of(Protocol protocol);

}  // namespace evenkeel::config
