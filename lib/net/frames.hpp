// Datagrams over a SOCK_SEQPACKET socket, each with the address of its client before it.
#pragma once

#include <cstddef>
#include <span>

#include "net/datagram.hpp"

namespace evenkeel::net {

// The family (4 or 6), a zero, the client's port (big endian), its address in 16 bytes: see
// lib/tailnet/node/evenkeel_node.h, EK_NODE_PACKET_HEADER.
inline constexpr std::size_t frame_header = 20;

// Makes datagrams of what a batch has received: peer and bytes, without the header. What is no frame is
// marked as truncated. Returns how many there are: less than all when the other side has closed, and there
// will never be anything to read again.
[[nodiscard]] std::size_t take_frames(std::span<Datagrams> received) noexcept;

// Sends each entry to its peer, a frame for each datagram of a train. Returns how many datagrams the socket
// would not take.
std::size_t send_frames(int fd, std::span<const Datagrams> entries) noexcept;

}  // namespace evenkeel::net
