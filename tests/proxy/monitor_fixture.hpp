// A health monitor on a loop of its own, with real servers on loopback to check.
#pragma once

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <catch2/catch.hpp>

#include "evenkeel/balancer.hpp"
#include "evenkeel/health_monitor.hpp"

#include "proxy/loop_fixture.hpp"

namespace evenkeel::test {

using namespace std::chrono_literals;

// A backend in a thread: says `answer` to every connection, or nothing at all when it is empty.
class Backend {
 public:
  explicit Backend(std::string answer, std::string unix_path = {})
      : answer_(std::move(answer)), unix_path_(std::move(unix_path)) {
    if (unix_path_.empty()) {
      fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
      socklen_t length = sizeof address;
      ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
      port_ = ntohs(address.sin_port);
    } else {
      fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      unix_path_.copy(address.sun_path, sizeof address.sun_path - 1);
      REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    }
    REQUIRE(::listen(fd_, 64) == 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~Backend() {
    ::shutdown(fd_, SHUT_RDWR);  // wakes accept()
    thread_.join();
    ::close(fd_);
    for (const int open : silent_) ::close(open);
    if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int connections() const { return connections_; }
  [[nodiscard]] std::string last_request() {
    const std::lock_guard lock(mutex_);
    return last_request_;
  }
  void set_answer(std::string answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }

 private:
  void serve() {
    for (;;) {
      const int client = ::accept(fd_, nullptr, nullptr);
      if (client < 0) return;
      ++connections_;
      std::string answer;
      {
        const std::lock_guard lock(mutex_);
        answer = answer_;
      }
      if (answer.empty()) {
        silent_.push_back(client);
        continue;
      }
      char bytes[4'096];
      const ssize_t got = ::recv(client, bytes, sizeof bytes, 0);
      if (got > 0) {
        const std::lock_guard lock(mutex_);
        last_request_.assign(bytes, static_cast<std::size_t>(got));
      }
      [[maybe_unused]] const ssize_t sent = ::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(client);
    }
  }

  std::mutex mutex_;
  std::string answer_;
  std::string last_request_;
  std::string unix_path_;
  std::vector<int> silent_;
  std::atomic<int> connections_{0};
  std::uint16_t port_ = 0;
  int fd_ = -1;
  std::thread thread_;
};

inline std::string answer(int status) {
  return "HTTP/1.1 " + std::to_string(status) + " Something\r\nContent-Length: 0\r\n\r\n";
}

// A port where nobody listens: bound, so that nobody else gets it, but closed to connections.
class DeadPort {
 public:
  DeadPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t length = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }
  ~DeadPort() { ::close(fd_); }
  DeadPort(const DeadPort&) = delete;
  DeadPort& operator=(const DeadPort&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

inline Target at(std::uint16_t port, std::string host = "127.0.0.1") {
  Target target;
  target.host = std::move(host);
  target.port = port;
  return target;
}

struct Sink final : LogSink {
  std::vector<std::string> lines;
  void log(LogLevel, std::string_view event, std::span<const LogField> fields) noexcept override {
    std::string line(event);
    for (const LogField& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
    lines.push_back(std::move(line));
  }
};

// A check of the embedder's own.
struct Script {
  std::map<std::string, std::optional<std::string>> result;  // by host; what the next checks say
  int started = 0;
  int alive = 0;
  HealthCheck::Done held;  // when set to hold, the last check's callback
  bool hold = false;
};

class ScriptedCheck final : public HealthCheck {
 public:
  explicit ScriptedCheck(Script& script) : script_(script) { ++script_.alive; }
  ~ScriptedCheck() override { --script_.alive; }
  void start(const Target& target, std::chrono::milliseconds, Done done) override {
    ++script_.started;
    if (script_.hold) {
      script_.held = std::move(done);
      return;
    }
    done(script_.result[target.host]);
    alive_after_done_ = true;  // would touch freed memory if `done` had destroyed us
  }

 private:
  Script& script_;
  bool alive_after_done_ = false;
};

inline HealthCheckMaker maker_of(Script& script) {
  return [&script] { return std::make_unique<ScriptedCheck>(script); };
}

struct Fixture {
  testing::Loop loop;
  SteadyClock clock;
  Sink log;
  TargetPool pool{{}, clock};
  HealthOptions health;
  OutlierOptions outlier;
  std::vector<std::string> events;
  Script script;  // outlives the monitor and its checks
  std::unique_ptr<HealthMonitor> monitor;

  Fixture() {
    health.type = CheckType::http;
    health.interval = 20ms;
    health.rise = 2;
    health.fall = 2;
  }
  ~Fixture() {
    if (monitor) close();
  }

  HealthMonitor& start(HealthCheckMaker maker = {}) {
    monitor =
        std::make_unique<HealthMonitor>(loop.get(), pool, health, outlier, clock, log, 1, std::move(maker));
    monitor->on_change([this](const HealthEvent& event) {
      events.push_back(std::string(to_string(event.from)) + "->" + std::string(to_string(event.to)) + " " +
                       std::string(event.reason));
    });
    REQUIRE(monitor->start());
    return *monitor;
  }
  void close() {
    bool closed = false;
    monitor->close([&] { closed = true; });
    CHECK_FALSE(closed);  // comes from the loop
    CHECK(loop.run_until([&] { return closed; }));
    monitor.reset();
  }
  TargetKey add(const Target& target) {
    const auto key = pool.add(target);
    REQUIRE(key);
    return *key;
  }
  Health health_of(TargetKey key) { return pool.find(key).value().health; }
  bool becomes(TargetKey key, Health wanted) {
    return loop.run_until([&] { return health_of(key) == wanted; });
  }
};

}  // namespace evenkeel::test
