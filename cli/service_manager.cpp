#include "service_manager.hpp"

#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <uv.h>

namespace evenkeel::cli {
namespace {

constexpr int first_descriptor = 3;  // SD_LISTEN_FDS_START
constexpr long most_sockets = 65'536;

std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

long number_of(std::string_view text) noexcept {
  long number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : -1;
}

int type_of(Transport transport) noexcept {
  return transport == Transport::stream ? SOCK_STREAM : SOCK_DGRAM;
}

bool is_same(const sockaddr_storage& a, const sockaddr_storage& b) noexcept {
  if (a.ss_family != b.ss_family) return false;
  if (a.ss_family == AF_INET) {
    const auto& left = reinterpret_cast<const sockaddr_in&>(a);
    const auto& right = reinterpret_cast<const sockaddr_in&>(b);
    return left.sin_port == right.sin_port && left.sin_addr.s_addr == right.sin_addr.s_addr;
  }
  const auto& left = reinterpret_cast<const sockaddr_in6&>(a);
  const auto& right = reinterpret_cast<const sockaddr_in6&>(b);
  return left.sin6_port == right.sin6_port &&
         std::memcmp(&left.sin6_addr, &right.sin6_addr, sizeof left.sin6_addr) == 0;
}

std::string text_of(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> ip{};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    uv_ip4_name(&v4, ip.data(), ip.size());
    return fmt::format("{}:{}", ip.data(), ntohs(v4.sin_port));
  }
  if (address.ss_family != AF_INET6) return "a socket that is not of IP";
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  uv_ip6_name(&v6, ip.data(), ip.size());
  return fmt::format("[{}]:{}", ip.data(), ntohs(v6.sin6_port));
}

}  // namespace

ServiceManager::ServiceManager() : notify_socket_(take_variable("NOTIFY_SOCKET")) {
  take_sockets();
}

ServiceManager::~ServiceManager() {
  for (const Inherited& socket : inherited_) ::close(socket.descriptor);
}

// They are another's where LISTEN_PID is: a shell's between us, whose descriptors have moved.
void ServiceManager::take_sockets() {
  const long process = number_of(take_variable("LISTEN_PID"));
  const long count = number_of(take_variable("LISTEN_FDS"));
  ::unsetenv("LISTEN_FDNAMES");
  if (process != static_cast<long>(::getpid()) || count > most_sockets) return;
  for (int descriptor = first_descriptor; descriptor < first_descriptor + count; ++descriptor) {
    Inherited socket{.descriptor = descriptor, .type = 0, .address = {}, .is_used = false};
    socklen_t address_size = sizeof socket.address;
    socklen_t type_size = sizeof socket.type;
    if (::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0 ||
        ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&socket.address), &address_size) != 0 ||
        ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &socket.type, &type_size) != 0) {
      continue;  // no socket
    }
    inherited_.push_back(socket);
  }
}

const ServiceManager::Inherited* ServiceManager::find(const ListenAddress& address, Transport transport,
                                                      std::uint16_t offset) const {
  if (inherited_.empty()) return nullptr;
  sockaddr_storage wanted{};
  const int port = address.port + offset;
  if (uv_ip4_addr(address.host.c_str(), port, reinterpret_cast<sockaddr_in*>(&wanted)) != 0 &&
      uv_ip6_addr(address.host.c_str(), port, reinterpret_cast<sockaddr_in6*>(&wanted)) != 0) {
    return nullptr;
  }
  for (const Inherited& socket : inherited_) {
    if (socket.type == type_of(transport) && is_same(socket.address, wanted)) return &socket;
  }
  return nullptr;
}

bool ServiceManager::has(const ListenAddress& address, Transport transport) const {
  for (std::uint16_t offset = 0; offset < address.count; ++offset) {
    if (find(address, transport, offset) == nullptr) return false;
  }
  return true;
}

ListeningSockets ServiceManager::sockets_for(const ListenAddress& address, Transport transport) {
  ListeningSockets copies;
  if (!has(address, transport)) return copies;
  for (std::uint16_t offset = 0; offset < address.count; ++offset) {
    const sockaddr_storage place = find(address, transport, offset)->address;
    // Several, where they share the place by SO_REUSEPORT: the kernel sends connections to each.
    for (Inherited& socket : inherited_) {
      if (socket.type != type_of(transport) || !is_same(socket.address, place)) continue;
      socket.is_used = true;
      if (!copies.add_copy({.descriptor = socket.descriptor, .offset = offset, .shared = true})) return {};
    }
  }
  return copies;
}

std::vector<std::string> ServiceManager::unused() const {
  std::vector<std::string> texts;
  for (const Inherited& socket : inherited_) {
    if (!socket.is_used) texts.push_back(text_of(socket.address));
  }
  return texts;
}

void ServiceManager::notify(std::string_view lines) const noexcept {
  sockaddr_un address{};
  if (notify_socket_.empty() || notify_socket_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, notify_socket_.data(), notify_socket_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // an abstract one
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  // A manager that is busy is waited for a little: a "READY=1" that is lost would have the process killed.
  constexpr timeval patience{.tv_sec = 0, .tv_usec = 200'000};
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  ::sendto(descriptor, lines.data(), lines.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
           static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + notify_socket_.size()));
  ::close(descriptor);
}

// systemd tells it from an older one by the time.
void ServiceManager::notify_reloading() const noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  std::array<char, 64> text{};
  const auto end = fmt::format_to_n(text.data(), text.size(), "RELOADING=1\nMONOTONIC_USEC={}{:06}",
                                    now.tv_sec, now.tv_nsec / 1'000);
  notify({text.data(), static_cast<std::size_t>(end.out - text.data())});
}

}  // namespace evenkeel::cli
