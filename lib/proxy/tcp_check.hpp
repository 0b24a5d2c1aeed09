// Health checks over TCP: can the target be connected, and does it say what it should?
#pragma once

#include <string>
#include <string_view>

#include "proxy/socket_check.hpp"

namespace evenkeel::proxy {

// Sends HealthOptions::send, then reads until HealthOptions::receive has come. Where neither is given the
// connection alone decides.
class TcpCheck final : public SocketCheck {
 public:
  using SocketCheck::SocketCheck;

  [[nodiscard]] std::string_view late_reason() const noexcept override {
    return answer_.empty() ? "timeout" : "unexpected_reply";
  }

 private:
  static constexpr std::size_t max_answer = 4'096;

  void on_connected() override { send(); }
  void on_ready() override;
  void send();
  void receive();

  std::size_t sent_ = 0;
  std::string answer_;
};

}  // namespace evenkeel::proxy
