// The PROXY protocol, versions 1 and 2, for TCP: a header in front of a connection's bytes that says
// who the client behind the proxy is. "The PROXY protocol", W. Tarreau, HAProxy's doc/proxy-protocol.txt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "evenkeel/proxy_version.hpp"

#include "net/address.hpp"

namespace evenkeel::net {

// Section 2.1: no line of version 1 is longer, with its CRLF; what we write of version 2 is shorter.
inline constexpr std::size_t max_proxy_line = 107;
inline constexpr std::size_t max_proxy_header_written = max_proxy_line;

// Version 2 could be 64 KiB long. Real ones carry a TLS certificate at the most.
inline constexpr std::size_t max_proxy_block = 4'096;  // addresses and TLVs
inline constexpr std::size_t max_proxy_header_read = 16 + max_proxy_block;

// Writes the header (of v1 or v2) for a connection that `client` made to `local`, and says how long it is; it
// has to go out in front of everything else, in one write. An IPv4-mapped address is written as the IPv4 that
// it is, except beside a real IPv6 one: a header has one family, so both are IPv6 then. Where a side has no
// IP the header is "UNKNOWN" or LOCAL, of which only LOCAL must be accepted (section 2.2). A connection of
// our own, such as a health check, gives its own two ends (section 2.1).
std::size_t write_proxy_header(ProxyVersion version, const SocketAddress& client, const SocketAddress& local,
                               std::span<char, max_proxy_header_written> out) noexcept;

struct ProxyHeader {
  enum class State : std::uint8_t { incomplete, bad, done };

  State state = State::incomplete;
  // When done:
  std::size_t length = 0;  // bytes of the header; those behind them are the client's
  bool addressed = false;  // otherwise (UNKNOWN, LOCAL, Unix sockets) the real connection's ends stand
  SocketAddress client;
  SocketAddress local;
  // When bad, for the log; a predicate of static storage: "has no CRLF within 107 bytes".
  std::string_view reason;
};

inline ProxyHeader bad_proxy_header(std::string_view reason) noexcept {
  ProxyHeader header;
  header.state = ProxyHeader::State::bad;
  header.reason = reason;
  return header;
}

// Reads the header of either version at the front of `bytes`, which is everything received so far.
// More bytes change only an incomplete answer, and none is incomplete with max_proxy_header_read
// bytes (of version 1: max_proxy_line). Strict: what two readers could take in two ways is bad.
// The TLVs of version 2 are checked and skipped. Until all of a header is there a call costs O(1),
// with it O(length).
//
// Only for connections that must have a header, from peers that are trusted to write one: whoever may
// leave it out may also invent it (section 5).
ProxyHeader read_proxy_header(std::span<const char> bytes) noexcept;

}  // namespace evenkeel::net
