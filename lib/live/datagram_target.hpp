// A target of a udp port.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "live/datagram_socket.hpp"
#include "live/live_target.hpp"

namespace evenkeel::live {

// A datagram "\1N" is a request, which is answered with "N I", I being the target's number with a "!" in
// front for an error. Others are checks.
class DatagramTarget final : public LiveTarget {
 public:
  explicit DatagramTarget(const Setting& setting)
      : LiveTarget(setting), expected_reply_(setting.port.health.receive) {}

  Result<void> listen() override;
  void follow(const PortSpec& port) override { expected_reply_ = port.health.receive; }
  void close() override;

 private:
  struct Asker {
    net::Endpoint from;
    std::string number;
  };

  void answer(AskerId asker, bool is_error) override;
  void cut(AskerId asker) override { askers_.erase(asker); }
  void hear(const net::Datagrams& datagram);

  std::string expected_reply_;
  DatagramSocket socket_;
  std::map<AskerId, Asker> askers_;
  AskerId next_ = 0;
};

}  // namespace evenkeel::live
