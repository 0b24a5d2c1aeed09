// Active checks.
#include "proxy/monitor_fixture.hpp"

using namespace evenkeel;
using namespace evenkeel::test;

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
