// The other end of Proxy::attach(): hands connections and datagrams over, as an embedded tailnet node does.
#pragma once

#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "net/fd.hpp"

namespace evenkeel::test {

inline std::pair<net::Fd, net::Fd> socket_pair(int type) {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  return {net::Fd(ends[0]), net::Fd(ends[1])};
}

inline constexpr std::string_view a_client = "src=100.64.0.2:41000 dst=100.64.0.1:443 funnel=0";

// One message with these descriptors. False when there is no room.
inline bool send_message(const net::Fd& over, std::string_view text, std::initializer_list<int> descriptors) {
  alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {};
  iovec slice{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &slice;
  message.msg_iovlen = 1;
  if (descriptors.size() != 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), descriptors.begin(), descriptors.size() * sizeof(int));
  }
  return ::sendmsg(over.get(), &message, MSG_NOSIGNAL) >= 0;
}

// A new connection, handed over: the client's end of it.
inline net::Fd hand_over(const net::Fd& over, std::string_view text = a_client) {
  auto [client, server] = socket_pair(SOCK_STREAM);
  REQUIRE(send_message(over, text, {server.get()}));
  return std::move(client);
}

// A datagram of 100.64.0.`host`:`port`.
inline std::string frame(unsigned char host, unsigned char port, std::string_view text) {
  std::string bytes(20, '\0');
  bytes[0] = 4;
  bytes[3] = static_cast<char>(port);
  bytes[4] = 100;
  bytes[5] = 64;
  bytes[7] = static_cast<char>(host);
  return bytes.append(text);
}

}  // namespace evenkeel::test
