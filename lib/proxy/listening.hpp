// What listening has in common, whatever is served.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "evenkeel/proxy.hpp"

#include "net/address.hpp"
#include "net/fd.hpp"

namespace evenkeel::proxy {

// How many connections a port carries when nobody says: a connection to a client may need one to a
// target, and other ports need some too. A quarter of RLIMIT_NOFILE.
std::uint32_t default_connections() noexcept;

// Where the first port of the range is; the n-th is shifted(n). invalid_argument for what is no IP literal,
// an empty range, one that goes past port 65,535, or one of free ports.
Result<net::SocketAddress> first_of_range(const ListenAddress& address) noexcept;

// Copies of what is open of them. Each has descriptor() and is_open(), and offset() where a port may be a
// range.
template <class Listeners, class Handovers>
Result<ListeningSockets> copy_sockets(const Listeners& listeners, const Handovers& handovers) {
  ListeningSockets sockets;
  const auto add = [&](const auto& each, bool attached) -> Result<void> {
    if (!each->is_open()) return {};
    std::uint16_t offset = 0;
    if constexpr (requires { each->offset(); }) offset = each->offset();
    bool shared = false;
    if constexpr (requires { each->is_shared(); }) shared = each->is_shared();
    return sockets.add_copy({each->descriptor(), offset, attached, shared});
  };
  for (const auto& listener : listeners) {
    if (const Result<void> added = add(listener, false); !added) return std::unexpected(added.error());
  }
  for (const auto& handover : handovers) {
    if (const Result<void> added = add(handover, true); !added) return std::unexpected(added.error());
  }
  return sockets;
}

// Keeps it when it opens.
template <class Socket>
Result<void> open_into(std::vector<std::unique_ptr<Socket>>& all, std::unique_ptr<Socket> socket,
                       net::Fd fd) {
  const Result<void> opened = socket->open(std::move(fd));
  if (opened) all.push_back(std::move(socket));
  return opened;
}

// Calls `open` with each; the first error ends it, and closes the rest.
template <class Open>
Result<void> adopt_each(ListeningSockets sockets, Open open) {
  Result<void> result;
  for (const ListeningSocket& socket : sockets.take()) {
    net::Fd fd(socket.descriptor);
    if (result) result = open(std::move(fd), socket);
  }
  return result;
}

}  // namespace evenkeel::proxy
