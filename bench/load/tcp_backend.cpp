// bench_tcp_backend PORT...: echoes, sends or counts bytes as tcp_wire.hpp says, until it is killed.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include "load/epoll.hpp"
#include "load/tcp_wire.hpp"
#include "loopback.hpp"

namespace bench = evenkeel::bench;
namespace wire = evenkeel::bench::tcp_wire;

namespace {

std::array<char, wire::piece> buffer;

class Peer {
 public:
  Peer(bench::Epoll& epoll, evenkeel::net::Fd fd) : epoll_(epoll), fd_(std::move(fd)) {
    epoll_.add(fd_.get(), EPOLLIN, static_cast<std::uint32_t>(fd_.get()));
  }

  // False: it has ended.
  bool on_event(std::uint32_t events) {
    if ((events & EPOLLOUT) != 0 && !send_on()) return false;
    return (events & ~EPOLLOUT) == 0 || receive();
  }

 private:
  bool receive() {
    if (kind_ == wire::upload && left_ != 0) {
      // Counted, not copied.
      const ssize_t count = ::recv(fd_.get(), nullptr, std::min(left_, wire::piece), MSG_TRUNC);
      return count > 0 ? count_in(static_cast<std::size_t>(count)) : count < 0 && errno == EAGAIN;
    }
    const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (count <= 0) return count < 0 && errno == EAGAIN;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
    if (kind_ == wire::echo) return send_all(bytes);
    return kind_ == 0 && read_order(bytes);  // nobody sends more than was said
  }

  bool read_order(std::string_view bytes) {
    if (known_ == 0 && bytes.front() == wire::echo) {
      kind_ = wire::echo;
      return send_all(bytes);
    }
    const std::size_t taken = std::min(order_.size() - known_, bytes.size());
    std::copy_n(bytes.begin(), taken, order_.begin() + static_cast<std::ptrdiff_t>(known_));
    known_ += taken;
    if (known_ < order_.size()) return true;
    kind_ = order_[0];
    left_ = wire::count_of(order_.data() + 1);
    if (kind_ == wire::download) {
      return epoll_.change(fd_.get(), EPOLLIN | EPOLLOUT, static_cast<std::uint32_t>(fd_.get()));
    }
    return kind_ == wire::upload && count_in(bytes.size() - taken);
  }

  bool count_in(std::size_t count) {
    if (count > left_) return false;
    left_ -= count;
    return left_ != 0 || send_all({order_.data() + 1, wire::count_size});
  }

  // One piece an event: connections that are served together get as much each.
  bool send_on() {
    const ssize_t count = ::send(fd_.get(), buffer.data(), std::min(left_, buffer.size()), MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN;
    left_ -= static_cast<std::size_t>(count);
    return left_ != 0 || epoll_.change(fd_.get(), EPOLLIN, static_cast<std::uint32_t>(fd_.get()));
  }

  // What is sent like this is small, and the next comes only when it has arrived: it always fits.
  bool send_all(std::string_view bytes) {
    return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }

  bench::Epoll& epoll_;
  evenkeel::net::Fd fd_;
  char kind_ = 0;
  wire::Order order_{};
  std::size_t known_ = 0;  // of the order
  std::size_t left_ = 0;   // to send or to come
};

class Backend {
 public:
  bool listen(std::uint16_t port) {
    evenkeel::net::Fd fd = bench::listen_on(port);
    if (!fd || !epoll_.add(fd.get(), EPOLLIN, static_cast<std::uint32_t>(fd.get()))) return false;
    listeners_.push_back(std::move(fd));
    return true;
  }

  void run() {
    while (true) {
      for (const epoll_event& event : epoll_.wait(-1)) {
        const auto number = event.data.u32;
        if (number >= peers_.size() || !peers_[number]) {
          accept_all(static_cast<int>(number));
        } else if (!peers_[number]->on_event(event.events)) {
          peers_[number].reset();
        }
      }
    }
  }

 private:
  void accept_all(int listener) {
    while (true) {
      evenkeel::net::Fd fd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) return;
      const auto number = static_cast<std::size_t>(fd.get());
      if (number >= peers_.size()) peers_.resize(number + 1);
      peers_[number] = std::make_unique<Peer>(epoll_, std::move(fd));
    }
  }

  bench::Epoll epoll_;
  std::vector<evenkeel::net::Fd> listeners_;
  std::vector<std::unique_ptr<Peer>> peers_;  // by descriptor; none: a listener
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: bench_tcp_backend PORT...\n"), 2;
  Backend backend;
  for (int i = 1; i < argc; ++i) {
    const auto port = bench::port_of(argv[i]);
    if (!port) return std::fprintf(stderr, "bench_tcp_backend: %s is not a port\n", argv[i]), 2;
    if (!backend.listen(*port)) return std::perror("bench_tcp_backend: listen"), 3;
  }
  backend.run();
}
