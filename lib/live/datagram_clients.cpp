#include "live/datagram_clients.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace evenkeel::live {
namespace {

// One comes again when nobody waits any longer for what was asked from it.
constexpr std::size_t ports = 16;
constexpr sim::Nanos port_time = 2 * sim::client_patience / ports;

net::LocalIp local_ip(const std::string& text) {
  net::LocalIp local;
  const auto address = net::ip_address(text, 0);
  if (!address) return local;
  const net::PeerIp ip = net::PeerIp::of(*address);
  std::ranges::copy(ip.address(), local.bytes.begin());
  local.family = ip.family;
  return local;
}

}  // namespace

DatagramClients::DatagramClients(uv_loop_t* loop, std::uint16_t port, FineTimers& timers)
    : timers_(timers), sockets_(ports) {
  if (const auto address = net::ip_address("127.0.0.1", port)) proxy_ = net::Endpoint::of(*address);
  for (DatagramSocket& socket : sockets_) {
    // Without it requests are without an answer, which is told.
    (void)socket.open(loop, "0.0.0.0", 0, [this](const net::Datagrams& each) { hear(each); });
  }
}

void DatagramClients::send(const std::string& from, const std::string&, Done done) {
  const std::uint64_t id = next_++;
  asked_.emplace(id, std::move(done));
  const auto turn = static_cast<std::size_t>(timers_.elapsed() / port_time);
  sockets_[turn % sockets_.size()].send(fmt::format("\1{}", id), proxy_, local_ip(from));
  timers_.add(timers_.elapsed() + sim::client_patience, [this, id] { end(id, {}); });
}

void DatagramClients::hear(const net::Datagrams& datagram) {
  const std::string_view text(datagram.bytes.data(), datagram.bytes.size());
  std::uint64_t id = 0;
  const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), id);
  const auto used = static_cast<std::size_t>(stop - text.data());
  if (problem == std::errc() && used < text.size()) end(id, read_answer(text.substr(used + 1)));
}

// Or it has ended before.
void DatagramClients::end(std::uint64_t id, const LiveAnswer& answer) {
  const auto found = asked_.find(id);
  if (found == asked_.end()) return;
  const Done done = std::move(found->second);
  asked_.erase(found);
  done(answer);
}

void DatagramClients::close() {
  for (DatagramSocket& socket : sockets_) socket.close();
  asked_.clear();
}

}  // namespace evenkeel::live
