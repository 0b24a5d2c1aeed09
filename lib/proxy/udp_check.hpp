// Health checks over UDP: does the target answer, or at least not refuse?
#pragma once

#include <string_view>

#include "net/uv_handle.hpp"
#include "proxy/socket_check.hpp"

namespace evenkeel::proxy {

// What passes is told at HealthOptions::send. The socket is connected, so that the kernel hands it only
// what comes from the target, and tells it of ICMP errors.
//
// Nothing of UDP says that an answer belongs to this question: it may be late, and for an earlier check
// from the same port. A wrong one is passed over as long as there is time for the right one.
class UdpCheck final : public SocketCheck {
 public:
  using SocketCheck::SocketCheck;

  [[nodiscard]] std::string_view late_reason() const noexcept override {
    return wrong_reply_ ? "unexpected_reply" : "timeout";
  }

 private:
  Result<net::Connecting> connect(const net::SocketAddress& address) override;
  void on_connected() override;
  void on_ready() override;

  // Silence is enough when nobody has to answer: after half of the time that is left.
  [[nodiscard]] bool silence_passes() const noexcept {
    return options().send.empty() && options().receive.empty();
  }
  void start_silence();

  net::UvHandle<uv_timer_t> silence_;
  bool wrong_reply_ = false;
};

}  // namespace evenkeel::proxy
