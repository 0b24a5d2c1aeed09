// One message that the backend sends back, on one connection.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <sys/socket.h>
#include <utility>

#include "net/fd.hpp"

namespace evenkeel::bench {

class TcpExchange {
 public:
  static constexpr std::size_t most_bytes = 4'096;
  enum class State { waiting, done, failed };

  TcpExchange() = default;
  explicit TcpExchange(net::Fd fd) noexcept : fd_(std::move(fd)) {}

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  void close() noexcept { fd_.reset(); }

  // Small enough to fit always: the one before has come back. False: ended.
  bool send(std::string_view message) noexcept {
    got_ = 0;
    return ::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(message.size());
  }

  // When it is readable. Failed: it has ended, or what came is not the message, or more than that.
  State receive(std::string_view message) noexcept {
    std::array<char, most_bytes + 1> bytes;
    const ssize_t count = ::recv(fd_.get(), bytes.data(), message.size() - got_ + 1, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return State::waiting;
    if (count <= 0) return State::failed;
    const std::string_view part(bytes.data(), static_cast<std::size_t>(count));
    if (message.substr(got_, part.size()) != part) return State::failed;
    got_ += part.size();
    return got_ < message.size() ? State::waiting : State::done;
  }

 private:
  net::Fd fd_;
  std::size_t got_ = 0;
};

}  // namespace evenkeel::bench
