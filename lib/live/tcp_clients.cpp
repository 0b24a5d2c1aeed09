#include "live/tcp_clients.hpp"

#include <utility>

namespace evenkeel::live {

void TcpClients::send(const std::string& from, const std::string&, Done done) {
  const std::uint64_t id = next_++;
  auto made = std::make_unique<Connection>(loop_);
  Stream& stream = made->stream;
  made->done = std::move(done);
  connections_.emplace(id, std::move(made));
  const bool begun =
      stream.handle() != nullptr && stream.connect(port_, from, [&stream] { stream.write("?\n"); },
                                                   {[this, id] { read(id); }, [this, id] { end(id, {}); }});
  if (!begun) return end(id, {});
  timers_.add(timers_.elapsed() + sim::client_patience, [this, id] { end(id, {}); });
}

void TcpClients::read(std::uint64_t id) {
  const std::string_view text = connections_.at(id)->stream.received();
  const std::size_t length = text.find('\n');
  if (length != std::string_view::npos) end(id, read_answer(text.substr(0, length)));
}

// Or it has ended before.
void TcpClients::end(std::uint64_t id, const LiveAnswer& answer) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const Done done = std::move(found->second->done);
  connections_.erase(found);
  done(answer);
}

}  // namespace evenkeel::live
