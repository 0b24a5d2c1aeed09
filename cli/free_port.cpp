#include "free_port.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace evenkeel::cli {

std::uint16_t free_loopback_port() noexcept {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const bool got = ::bind(fd, any, length) == 0 && ::getsockname(fd, any, &length) == 0;
  ::close(fd);
  return got ? ntohs(address.sin_port) : 0;
}

}  // namespace evenkeel::cli
