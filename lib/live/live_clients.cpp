#include "live/live_clients.hpp"

#include "live/datagram_clients.hpp"
#include "live/http_clients.hpp"
#include "live/tcp_clients.hpp"

namespace evenkeel::live {

std::unique_ptr<LiveClients> make_clients(Protocol protocol, uv_loop_t* loop, std::uint16_t port,
                                          FineTimers& timers) {
  if (protocol == Protocol::udp) return std::make_unique<DatagramClients>(loop, port, timers);
  if (protocol == Protocol::tcp) return std::make_unique<TcpClients>(loop, port, timers);
  return std::make_unique<HttpClients>(loop, port);
}

LiveAnswer read_answer(std::string_view text) {
  const bool is_error = text.starts_with('!');
  return {.is_good = !is_error, .target = std::string(text.substr(is_error ? 1 : 0)), .cookie = {}};
}

}  // namespace evenkeel::live
