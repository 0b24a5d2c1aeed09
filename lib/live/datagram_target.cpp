#include "live/datagram_target.hpp"

#include <utility>

#include <fmt/format.h>

namespace evenkeel::live {

Result<void> DatagramTarget::listen() {
  const auto port =
      socket_.open(loop_, "127.0.0.1", port_, [this](const net::Datagrams& each) { hear(each); });
  if (!port) return std::unexpected(port.error());
  port_ = *port;
  return {};
}

void DatagramTarget::hear(const net::Datagrams& datagram) {
  const std::string_view text(datagram.bytes.data(), datagram.bytes.size());
  if (!text.starts_with('\1')) {
    if (check() == sim::Server::Check::pass) socket_.send(expected_reply_, datagram.peer, {});
    return;
  }
  const AskerId id = next_++;
  askers_[id] = {datagram.peer, std::string(text.substr(1))};
  work(id);
}

void DatagramTarget::answer(AskerId asker, bool is_error) {
  const auto found = askers_.find(asker);
  if (found == askers_.end()) return;
  const Asker asked = std::move(found->second);
  askers_.erase(found);
  socket_.send(fmt::format("{} {}{}", asked.number, is_error ? "!" : "", index_), asked.from, {});
}

void DatagramTarget::close() {
  socket_.close();
  askers_.clear();
}

}  // namespace evenkeel::live
