// What tests of tcp and udp proxies share: a loop and a pool of their own, and sockets on the loopback that
// are looked at between the turns of the loop.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include <catch2/catch.hpp>

#include "evenkeel/strategy.hpp"
#include "evenkeel/target_pool.hpp"

#include "net/address.hpp"
#include "net/fd.hpp"
#include "net/socket.hpp"
#include "proxy/loop_fixture.hpp"

namespace evenkeel::test {

using namespace std::chrono_literals;

struct Record {
  std::string target;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::string error;
};

struct Records final : LogSink {
  std::vector<Record> all;
  void access(const AccessRecord& record) noexcept override {
    all.push_back({std::string(record.target), record.bytes_in, record.bytes_out, std::string(record.error)});
  }
};

inline net::SocketAddress loopback(std::uint16_t port) {
  return net::ip_address("127.0.0.1", port).value();
}

inline std::uint16_t port_of(const net::Fd& fd) {
  return net::local_address(fd.get())->port();
}

inline net::Fd listener() {
  return std::move(net::listen_stream(loopback(0), {}).value());
}

inline net::Fd connect_to(std::uint16_t port) {
  net::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const net::SocketAddress address = loopback(port);
  REQUIRE(::connect(fd.get(), address.raw(), address.length) == 0);
  return fd;
}

inline void say(const net::Fd& fd, std::string_view text) {
  REQUIRE(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
}

struct PortFixture {
  testing::Loop loop;
  SteadyClock clock;
  Records log;
  TargetPool pool{{}, clock};

  // Bulk is moved by splice(2), which needs what every host of a proxy does.
  PortFixture() { std::signal(SIGPIPE, SIG_IGN); }

  std::unique_ptr<Strategy> strategy(std::string_view name = "roundrobin") {
    return (*find_strategy(name))({});
  }
  std::string add(Scheme scheme, std::uint16_t port) {
    Target target;
    target.scheme = scheme;
    target.host = "127.0.0.1";
    target.port = port;
    REQUIRE(pool.add(target, Health::up));
    return target.id();
  }
  // Listens, and follows the pool until it is closed.
  void open(Proxy& proxy) {
    REQUIRE(proxy.listen({}));
    pool.subscribe([&proxy] { proxy.wake(); });
  }
  void close(Proxy& proxy) {
    bool closed = false;
    proxy.close([&] { closed = true; });
    CHECK_FALSE(closed);  // comes from the loop
    CHECK(loop.run_until([&] { return closed; }));
  }

  // The next `count` bytes (or one datagram of that length); what there was when they do not come.
  std::string hear(const net::Fd& fd, std::size_t count) {
    std::string heard;
    loop.run_until([&] {
      if (heard.size() >= count) return true;
      char bytes[4'096];
      const ssize_t got = ::recv(fd.get(), bytes, std::min(sizeof bytes, count - heard.size()), MSG_DONTWAIT);
      if (got > 0) heard.append(bytes, static_cast<std::size_t>(got));
      return heard.size() >= count;
    });
    return heard;
  }
};

}  // namespace evenkeel::test
