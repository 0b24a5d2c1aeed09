#include "evenkeel/health_monitor.hpp"

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

#include "proxy/loop_fixture.hpp"

using namespace std::chrono_literals;
using namespace evenkeel;

namespace {

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

std::string answer(int status) {
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

Target at(std::uint16_t port, std::string host = "127.0.0.1") {
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

HealthCheckMaker maker_of(Script& script) {
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

}  // namespace

TEST_CASE_METHOD(Fixture, "the first check decides at once, and the first round is told once") {
  health.interval = 1h;
  Backend good(answer(204));
  Backend bad(answer(500));
  DeadPort dead;
  const TargetKey up = add(at(good.port()));
  const TargetKey failing = add(at(bad.port()));
  const TargetKey refusing = add(at(dead.port()));
  int rounds = 0;
  start().on_first_round([&] {
    ++rounds;
    CHECK(health_of(up) == Health::up);
    CHECK(health_of(failing) == Health::down);
    CHECK(health_of(refusing) == Health::down);
  });
  CHECK(rounds == 0);  // comes from the loop
  REQUIRE(loop.run_until([&] { return rounds > 0; }));
  std::ranges::sort(events);
  CHECK(events == std::vector<std::string>{"unknown->down connect_refused", "unknown->down status 500",
                                           "unknown->up check passed"});
  loop.run_until([] { return false; }, 30ms);
  CHECK(rounds == 1);
  CHECK(log.lines.size() == 3);
}

TEST_CASE_METHOD(Fixture, "the first round of an empty pool is over at once") {
  bool told = false;
  start().on_first_round([&] { told = true; });
  CHECK(loop.run_until([&] { return told; }));
}

TEST_CASE_METHOD(Fixture, "the request is what the options say") {
  health.method = "HEAD";
  health.path = "/healthz?deep=1";
  health.host = "app.example";
  Backend backend(answer(200));
  const TargetKey key = add(at(backend.port()));
  start();
  REQUIRE(becomes(key, Health::up));
  const std::string request = backend.last_request();
  CHECK(request.starts_with("HEAD /healthz?deep=1 HTTP/1.1\r\nHost: app.example\r\n"));
  CHECK(request.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(request.ends_with("\r\n\r\n"));
}

TEST_CASE_METHOD(Fixture, "Host is the target's authority, also when another port is checked") {
  Backend backend(answer(200));
  health.port = backend.port();
  const TargetKey key = add(at(1, "127.0.0.1"));
  start();
  REQUIRE(becomes(key, Health::up));
  CHECK(backend.last_request().find("\r\nHost: 127.0.0.1:1\r\n") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "a status outside the expected ranges is a failure") {
  health.expect = {{200, 200}, {301, 302}};
  const auto [status, expected] = GENERATE(table<int, Health>(
      {{200, Health::up}, {201, Health::down}, {301, Health::up}, {302, Health::up}, {303, Health::down}}));
  CAPTURE(status);
  Backend backend(answer(status));
  const TargetKey key = add(at(backend.port()));
  start();
  CHECK(becomes(key, expected));
}

TEST_CASE_METHOD(Fixture, "interim answers are passed over") {
  Backend backend("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(200));
  const TargetKey key = add(at(backend.port()));
  start();
  CHECK(becomes(key, Health::up));
}

TEST_CASE_METHOD(Fixture, "what is not strictly HTTP is a failure") {
  const auto text =
      GENERATE(as<std::string>{}, "garbage\r\n\r\n", "HTTP/1.1 200 OK\n\n", "HTTP/1.1 99 X\r\n\r\n",
               "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n");
  CAPTURE(text);
  Backend backend(text);
  const TargetKey key = add(at(backend.port()));
  start();
  REQUIRE(becomes(key, Health::down));
  CHECK(events == std::vector<std::string>{"unknown->down bad_response"});
}

TEST_CASE_METHOD(Fixture, "an answer without an end is cut off") {
  Backend backend("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'));
  const TargetKey key = add(at(backend.port()));
  start();
  CHECK(becomes(key, Health::down));
}

TEST_CASE_METHOD(Fixture, "a target that never answers times out") {
  health.timeout = 100ms;
  Backend backend("");
  const TargetKey key = add(at(backend.port()));
  const TimePoint begin = clock.now();
  start();
  REQUIRE(becomes(key, Health::down));
  CHECK(clock.now() - begin >= 100ms);
  CHECK(events == std::vector<std::string>{"unknown->down timeout"});
}

TEST_CASE_METHOD(Fixture, "it takes fall failures to go down and rise passes to come back") {
  Backend backend(answer(200));
  const TargetKey key = add(at(backend.port()));
  start();
  REQUIRE(becomes(key, Health::up));
  backend.set_answer(answer(503));
  const int before = backend.connections();
  REQUIRE(becomes(key, Health::down));
  CHECK(backend.connections() >= before + 2);
  backend.set_answer(answer(200));
  const int middle = backend.connections();
  REQUIRE(becomes(key, Health::up));
  CHECK(backend.connections() >= middle + 2);
  CHECK(events ==
        std::vector<std::string>{"unknown->up check passed", "up->down status 503", "down->up check passed"});
}

TEST_CASE_METHOD(Fixture, "a TCP check passes when the connection is made") {
  health.type = CheckType::tcp;
  Backend silent("");
  DeadPort dead;
  const TargetKey up = add(at(silent.port()));
  const TargetKey down = add(at(dead.port()));
  start();
  CHECK(becomes(up, Health::up));
  CHECK(becomes(down, Health::down));
}

TEST_CASE_METHOD(Fixture, "Unix sockets and names are checked too") {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("evenkeel-check-" + std::to_string(::getpid()))).string();
  Backend on_socket(answer(200), path);
  Backend on_name(answer(200));
  Target by_path;
  by_path.unix_path = path;
  Target nowhere;
  nowhere.unix_path = path + ".none";
  const TargetKey a = add(by_path);
  const TargetKey b = add(at(on_name.port(), "localhost"));  // perhaps ::1 first, where nobody listens
  const TargetKey c = add(nowhere);
  const TargetKey d = add(at(80, "no-such-host.invalid"));
  start();
  CHECK(becomes(a, Health::up));
  CHECK(becomes(b, Health::up));
  CHECK(becomes(c, Health::down));
  CHECK(becomes(d, Health::down));
}

TEST_CASE_METHOD(Fixture, "targets join, leave and are disabled while it runs") {
  Backend first(answer(200));
  Backend second(answer(200));
  const TargetKey a = add(at(first.port()));
  start();
  REQUIRE(becomes(a, Health::up));
  const TargetKey b = add(at(second.port()));
  REQUIRE(becomes(b, Health::up));

  REQUIRE(pool.remove(at(first.port()).id()));
  REQUIRE(pool.set_admin(at(second.port()).id(), AdminState::disabled));
  loop.run_until([] { return false; }, 10ms);
  const int checks = first.connections() + second.connections();
  loop.run_until([] { return false; }, 100ms);
  CHECK(first.connections() + second.connections() == checks);

  REQUIRE(pool.set_admin(at(second.port()).id(), AdminState::enabled));
  second.set_answer(answer(500));
  CHECK(becomes(b, Health::down));  // at once: what was known is out of date
}

TEST_CASE_METHOD(Fixture, "a time-out that our own lag caused does not count") {
  health.timeout = 200ms;
  health.interval = 1h;
  Backend silent("");
  const TargetKey key = add(at(silent.port()));
  bool round = false;
  start().on_first_round([&] { round = true; });
  REQUIRE(loop.run_until([&] { return silent.connections() == 1; }));
  std::this_thread::sleep_for(400ms);  // the host's callback that blocks its loop
  REQUIRE(loop.run_until([&] { return round; }));
  CHECK(health_of(key) == Health::unknown);
  CHECK(events.empty());
}

// --- a check of the embedder's own ---

TEST_CASE_METHOD(Fixture, "the embedder's own check decides instead") {
  script.result["a"] = std::nullopt;
  script.result["b"] = "not today";
  const TargetKey a = add(at(1, "a"));
  const TargetKey b = add(at(1, "b"));
  start(maker_of(script));
  CHECK(becomes(a, Health::up));
  CHECK(becomes(b, Health::down));
  CHECK(std::ranges::find(events, "unknown->down not today") != events.end());
  close();
  CHECK(script.alive == 0);
}

TEST_CASE_METHOD(Fixture, "no more checks than the cap are under way") {
  script.hold = true;
  health.max_concurrent = 2;
  for (const char* host : {"a", "b", "c", "d", "e"}) add(at(1, host));
  start(maker_of(script));
  REQUIRE(loop.run_until([&] { return script.started == 2; }));
  loop.run_until([] { return false; }, 100ms);
  CHECK(script.started == 2);
  CHECK(script.alive == 2);
  script.hold = false;
  script.held(std::nullopt);
  CHECK(loop.run_until([&] { return script.started >= 5; }));
}

TEST_CASE_METHOD(Fixture, "a check that never reports is ended by the monitor") {
  script.hold = true;
  health.timeout = 50ms;
  const TargetKey key = add(at(1, "a"));
  start(maker_of(script));
  CHECK(becomes(key, Health::down));
}

TEST_CASE_METHOD(Fixture, "closing from within a listener, with checks under way") {
  add(at(1, "a"));
  add(at(1, "b"));
  bool closed = false;
  start(maker_of(script)).on_change([&](const HealthEvent&) { monitor->close([&] { closed = true; }); });
  REQUIRE(loop.run_until([&] { return closed; }));
  CHECK(script.alive == 0);
  monitor.reset();
}

TEST_CASE_METHOD(Fixture, "a listener may change the pool") {
  add(at(1, "a"));
  add(at(1, "b"));
  start(maker_of(script)).on_change([&](const HealthEvent& event) {
    if (event.target == at(1, "a").id()) {
      CHECK(pool.remove(at(1, "b").id()));
      CHECK(pool.add(at(1, "c")));
    }
  });
  REQUIRE(loop.run_until([&] {
    return pool.size() == 2 &&
           std::ranges::all_of(pool.status(), [](const TargetStatus& s) { return s.health == Health::up; });
  }));
}

// --- live traffic ---

namespace {

struct PassiveFixture : Fixture {
  Balancer balancer{pool, find_strategy("first").value()({})};

  PassiveFixture() {
    health.type = CheckType::none;
    outlier.consecutive_failures = 3;
    outlier.base_ejection = 50ms;
    outlier.max_ejection = 200ms;
  }
  // One failing request at whatever is picked; its key.
  TargetKey fail() {
    auto lease = balancer.pick().value();
    lease.report(Outcome::failure);
    return lease.key();
  }
};

}  // namespace

TEST_CASE_METHOD(PassiveFixture, "failing traffic ejects, time brings back") {
  const TargetKey a = add(at(1, "a"));
  const TargetKey b = add(at(1, "b"));
  start();
  REQUIRE(becomes(a, Health::up));  // nobody checks, so it is taken to be up
  REQUIRE(becomes(b, Health::up));
  events.clear();
  const TimePoint begin = clock.now();
  for (int i = 0; i < 3; ++i) REQUIRE(fail() == a);
  REQUIRE(becomes(a, Health::ejected));
  CHECK(balancer.pick().value().key() == b);
  REQUIRE(becomes(a, Health::up));
  CHECK(clock.now() - begin >= 50ms);
  CHECK(events ==
        std::vector<std::string>{"up->ejected 3 consecutive failures", "ejected->up ejection over"});
  CHECK(std::ranges::count_if(log.lines,
                              [](const auto& line) { return line.starts_with("target_ejected"); }) == 1);
  CHECK(std::ranges::count_if(log.lines,
                              [](const auto& line) { return line.starts_with("target_recovered"); }) == 1);

  SECTION("after which it takes as many failures again") {
    REQUIRE(fail() == a);
    REQUIRE(fail() == a);
    loop.run_until([] { return false; }, 20ms);
    CHECK(health_of(a) == Health::up);
    REQUIRE(fail() == a);
    CHECK(becomes(a, Health::ejected));
  }
}

TEST_CASE_METHOD(PassiveFixture, "the last usable target is not ejected") {
  const TargetKey a = add(at(1, "a"));
  const TargetKey b = add(at(1, "b"));
  outlier.base_ejection = 1h;
  outlier.max_ejection = 1h;
  start();
  REQUIRE(becomes(b, Health::up));
  for (int i = 0; i < 3; ++i) fail();
  REQUIRE(becomes(a, Health::ejected));
  for (int i = 0; i < 10; ++i) REQUIRE(fail() == b);
  loop.run_until([] { return false; }, 20ms);
  CHECK(health_of(b) == Health::up);
}

TEST_CASE_METHOD(PassiveFixture, "failures on other threads are heard") {
  const TargetKey a = add(at(1, "a"));
  add(at(1, "b"));
  outlier.base_ejection = 1h;
  start();
  REQUIRE(becomes(a, Health::up));
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([this] {
      Balancer own{pool, find_strategy("first").value()({})};
      for (int n = 0; n < 100; ++n) own.pick().value().report(Outcome::failure);
    });
  }
  CHECK(becomes(a, Health::ejected));
  for (std::thread& worker : workers) worker.join();
}

TEST_CASE_METHOD(PassiveFixture, "a monitor can close while other threads report failures") {
  add(at(1, "a"));
  start();
  std::atomic<bool> stop{false};
  std::thread worker([&] {
    Balancer own{pool, find_strategy("first").value()({})};
    while (!stop) own.pick().value().report(Outcome::failure);
  });
  loop.run_until([] { return false; }, 20ms);
  close();
  stop = true;
  worker.join();
}

TEST_CASE_METHOD(PassiveFixture, "a passing check ends an ejection") {
  outlier.base_ejection = 1h;
  outlier.max_ejection = 1h;
  const TargetKey a = add(at(1, "a"));
  const TargetKey b = add(at(1, "b"));
  start(maker_of(script));
  REQUIRE(becomes(b, Health::up));
  REQUIRE(becomes(a, Health::up));
  for (int i = 0; i < 3; ++i) fail();
  REQUIRE(loop.run_until([&] { return events.size() >= 4; }));
  CHECK(events[2] == "up->ejected 3 consecutive failures");
  CHECK(events[3] == "ejected->up check passed");
}
