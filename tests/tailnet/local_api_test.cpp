#include <optional>
#include <sys/stat.h>
#include <vector>

#include "proxy/loop_fixture.hpp"
#include "tailnet/local.hpp"
#include "tailnet/stand_in.hpp"

using namespace evenkeel;
using namespace evenkeel::tailnet;
using namespace evenkeel::test;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  testing::Loop loop;
  Directory directory;
  LocalApiOptions options = tailscaled_at(directory.socket());
  std::optional<StandIn> server;
  std::optional<LocalResult<LocalResponse>> result;

  void serve(std::function<void(StandIn::Peer&)> script) {
    server.emplace(loop.get(), directory.socket(), std::move(script));
  }
  void serve(std::string text) {
    serve([text = std::move(text)](StandIn::Peer& peer) { peer.answer(text); });
  }
  LocalCall send(const LocalRequest& request) {
    result.reset();
    LocalCall call = LocalApi(loop.get(), options).send(request, [this](auto got) {
      CHECK_FALSE(result.has_value());
      result = std::move(got);
    });
    CHECK_FALSE(result.has_value());  // comes from the loop
    return call;
  }
  LocalResult<LocalResponse> ask(const LocalRequest& request = {.path = "/localapi/v0/status"}) {
    const LocalCall call = send(request);
    REQUIRE(loop.run_until([&] { return result.has_value(); }));
    return *result;
  }
  LocalResponse good(const LocalRequest& request = {.path = "/localapi/v0/status"}) {
    auto got = ask(request);
    INFO((got ? std::string() : got.error().text));
    REQUIRE(got.has_value());
    return *got;
  }
  LocalApiError bad() {
    auto got = ask();
    REQUIRE_FALSE(got.has_value());
    CHECK_FALSE(got.error().text.empty());
    return got.error();
  }
};

}  // namespace

TEST_CASE("a request is what tailscaled accepts, and its answer comes whole") {
  Fixture fixture;
  std::string seen;
  fixture.serve([&](StandIn::Peer& peer) {
    seen = peer.request;
    peer.answer(http_answer(200, R"({"a":1})", "Etag: abc\r\n"));
  });
  const LocalResponse response = fixture.good();
  CHECK(response.status == 200);
  CHECK(response.body == R"({"a":1})");
  CHECK(response.etag == "abc");
  CHECK_FALSE(response.retry_after);
  CHECK(seen ==
        "GET /localapi/v0/status HTTP/1.1\r\nHost: local-tailscaled.sock\r\nUser-Agent: evenkeel\r\n"
        "Connection: close\r\n\r\n");
}

TEST_CASE("a body and a condition go with a request") {
  Fixture fixture;
  std::string seen;
  fixture.serve([&](StandIn::Peer& peer) {
    seen = peer.request;
    peer.answer(http_answer(412, "etag mismatch\n"));
  });
  const LocalResponse response =
      fixture.good({.path = "/localapi/v0/serve-config", .method = "POST", .body = "{}", .if_match = "abc"});
  CHECK(response.status == 412);
  CHECK(seen.contains("\r\nIf-Match: abc\r\n"));
  CHECK(seen.contains("\r\nContent-Length: 2\r\n"));
  CHECK(seen.ends_with("\r\n\r\n{}"));
}

TEST_CASE("a large body goes out in parts") {
  Fixture fixture;
  std::string seen;
  fixture.serve([&](StandIn::Peer& peer) {
    seen = peer.body();
    peer.answer(http_answer(200, ""));
  });
  const std::string body(3'000'000, 'x');
  CHECK(fixture.good({.path = "/a", .method = "POST", .body = body}).status == 200);
  CHECK(seen == body);
}

TEST_CASE("answers of any framing, and in pieces") {
  const auto expect = [](std::string text, std::string_view body) {
    Fixture fixture;
    fixture.serve(std::move(text));
    CHECK(fixture.good().body == body);
  };
  expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde");
  expect("HTTP/1.0 200 OK\r\n\r\nto the end", "to the end");
  expect("HTTP/1.1 204 No Content\r\n\r\n", "");
  expect("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok");

  Fixture fixture;
  const std::string text = http_answer(200, "in pieces");
  StandIn::Peer* peer = nullptr;
  fixture.serve([&](StandIn::Peer& asked) { peer = &asked; });
  const LocalCall call = fixture.send({.path = "/a"});
  REQUIRE(fixture.loop.run_until([&] { return peer != nullptr; }));
  for (const char c : text) {
    CHECK_FALSE(fixture.result.has_value());
    peer->say({&c, 1});
    uv_run(fixture.loop.get(), UV_RUN_NOWAIT);
  }
  REQUIRE(fixture.loop.run_until([&] { return fixture.result.has_value(); }));
  CHECK((*fixture.result)->body == "in pieces");
}

TEST_CASE("Retry-After is told") {
  Fixture fixture;
  fixture.serve(http_answer(429, "slow down", "Retry-After: 30\r\n"));
  CHECK(fixture.good().retry_after == 30s);
  fixture.server->set_script([](StandIn::Peer& peer) {
    peer.answer(http_answer(429, "", "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n"));
  });
  CHECK_FALSE(fixture.good().retry_after);
}

TEST_CASE("without a socket: tailscaled does not run") {
  Fixture fixture;
  const LocalApiError error = fixture.bad();
  CHECK(error.error.code == ErrorCode::connect_refused);
  CHECK(error.text == "tailscaled is not running, or its socket is elsewhere: " + fixture.directory.socket());
  // Nor does it when the socket is that of one that has gone.
  fixture.serve("");
  fixture.server.reset();
  REQUIRE(::access(fixture.directory.socket().c_str(), F_OK) == 0);
  CHECK(fixture.bad().text == error.text);
  fixture.options.socket_path = "/etc/hostname/tailscaled.sock";
  CHECK(fixture.bad().text.starts_with("tailscaled is not running"));
  fixture.options.socket_path = std::string(200, 'x');
  CHECK(fixture.bad().error.code == ErrorCode::invalid_argument);
}

TEST_CASE("without permission: what to do about it") {
  Fixture fixture;
  fixture.serve(http_answer(403, "status access denied\n"));
  LocalApiError error = fixture.bad();
  CHECK(error.error.code == ErrorCode::permission_denied);
  CHECK(error.text ==
        "tailscaled answered GET /localapi/v0/status with 403: status access denied; run as root, or allow "
        "this user once with `tailscale set --operator=$USER`");
  if (::geteuid() == 0) return;  // root may open any socket
  ::chmod(fixture.directory.socket().c_str(), 0);
  error = fixture.bad();
  CHECK(error.error.code == ErrorCode::permission_denied);
  CHECK(error.text.contains("tailscale set --operator=$USER"));
}

TEST_CASE("an error is told in tailscaled's own words, on one line") {
  CHECK(unexpected_status(tailscaled_at("/s"), "GET /a", {500, R"({"error":"updating config: no"})", {}, {}})
            .text == "tailscaled answered GET /a with 500: updating config: no");
  CHECK(unexpected_status(tailscaled_at("/s"), "GET /a", {400, R"({"Error":"bad"})", {}, {}}).text ==
        "tailscaled answered GET /a with 400: bad");
  CHECK(unexpected_status(tailscaled_at("/s"), "GET /a", {500, "one\x1b[31m\ntwo", {}, {}}).text ==
        "tailscaled answered GET /a with 500: one [31m");
  CHECK(unexpected_status(tailscaled_at("/s"), "GET /a", {500, "{", {}, {}}).text ==
        "tailscaled answered GET /a with 500: {");
  CHECK(unexpected_status(tailscaled_at("/s"), "GET /a", {500, std::string(9'999, 'x'), {}, {}}).text.size() <
        400);
  CHECK(unexpected_status(tailscaled_at("/s"), "GET /a", {404, "", {}, {}}).text ==
        "tailscaled answered GET /a with 404");
}

TEST_CASE("what is not an answer") {
  const auto expect = [](std::string text, ErrorCode code) {
    INFO(text.substr(0, 80));
    Fixture fixture;
    fixture.options.head_bytes = 1'000;
    fixture.serve(std::move(text));
    CHECK(fixture.bad().error.code == code);
  };
  expect("", ErrorCode::connection_closed);
  expect("HTTP/1.1 200 OK\r\nContent-Le", ErrorCode::connection_closed);
  expect("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", ErrorCode::connection_closed);
  expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", ErrorCode::connection_closed);
  expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ErrorCode::bad_response);
  expect("SSH-2.0-OpenSSH_9.2\r\n\r\n", ErrorCode::bad_response);
  expect("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", ErrorCode::bad_response);
  expect("HTTP/1.1 200 OK\r\nX: " + std::string(2'000, 'x'), ErrorCode::over_limit);
  std::string interim;
  for (int i = 0; i < 200; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  expect(interim, ErrorCode::over_limit);
}

TEST_CASE("an answer that is too long is not kept, whatever its framing") {
  for (const std::string& text :
       {http_answer(200, std::string(1'001, 'x')), "HTTP/1.1 200 OK\r\n\r\n" + std::string(1'001, 'x')}) {
    Fixture fixture;
    fixture.options.response_bytes = 1'000;
    fixture.serve(text);
    CHECK(fixture.bad().error.code == ErrorCode::over_limit);
  }
  Fixture fixture;
  fixture.options.response_bytes = 1'000;
  fixture.serve(http_answer(200, std::string(1'000, 'x')));
  CHECK(fixture.good().body.size() == 1'000);
}

TEST_CASE("an answer that does not come is given up") {
  for (const std::string_view begin : {"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx"}) {
    Fixture fixture;
    fixture.options.timeout = 20ms;
    fixture.serve([&](StandIn::Peer& peer) { peer.say(begin); });
    const LocalApiError error = fixture.bad();
    CHECK(error.error.code == ErrorCode::response_timeout);
    CHECK(error.text == "tailscaled did not answer GET /localapi/v0/status in time");
    CHECK(fixture.loop.run_until([&] { return fixture.server->open() == 0; }));
  }
  // A request may have its own patience.
  Fixture fixture;
  fixture.serve([](StandIn::Peer&) {});
  const auto got = fixture.ask({.path = "/a", .timeout = 20ms});
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().error.code == ErrorCode::response_timeout);
}

TEST_CASE("what would break a request is not sent") {
  Fixture fixture;
  fixture.serve(http_answer(200, ""));
  for (const LocalRequest& request :
       {LocalRequest{.path = "/a b"}, LocalRequest{.path = "/a\r\nX: y"}, LocalRequest{.path = ""},
        LocalRequest{.path = "/a", .method = "GET /b"}, LocalRequest{.path = "/a", .if_match = "x\r\ny"}}) {
    const auto got = fixture.ask(request);
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().error.code == ErrorCode::invalid_argument);
  }
  CHECK(fixture.server->requests() == 0);
}

TEST_CASE("a call that is dropped is over, at any moment") {
  Fixture fixture;
  fixture.serve([](StandIn::Peer&) {});
  {
    const LocalCall call = fixture.send({.path = "/before"});
  }
  LocalCall call = fixture.send({.path = "/asked"});
  REQUIRE(fixture.loop.run_until([&] { return fixture.server->requests() == 1; }));
  call = fixture.send({.path = "/instead"});
  REQUIRE(fixture.loop.run_until([&] { return fixture.server->requests() == 2; }));
  CHECK(fixture.server->open() == 1);
  call.cancel();
  CHECK(fixture.loop.run_until([&] { return fixture.server->open() == 0; }));
  CHECK_FALSE(fixture.result.has_value());
  {
    const LocalCall failing = fixture.send({.path = "not a path"});
  }
  uv_run(fixture.loop.get(), UV_RUN_NOWAIT);
  CHECK_FALSE(fixture.result.has_value());
}

TEST_CASE("a callback may drop its own call, and start the next one in its place") {
  Fixture fixture;
  fixture.serve(http_answer(200, "x"));
  const LocalApi api(fixture.loop.get(), fixture.options);
  LocalCall call;
  int rounds = 0;
  std::function<void()> next = [&] {
    call = api.send({.path = "/a"}, [&, guard = std::make_shared<int>(7)](const auto& got) {
      CHECK(got.has_value());
      if (++rounds < 3)
        next();
      else
        call.cancel();
      CHECK(*guard == 7);  // what the callback holds lives as long as it runs
    });
  };
  next();
  CHECK(fixture.loop.run_until([&] { return rounds == 3; }));
}

TEST_CASE("a watch tells each line until it is dropped") {
  Fixture fixture;
  StandIn::Peer* peer = nullptr;
  fixture.options.timeout = 50ms;
  fixture.serve([&](StandIn::Peer& asked) {
    peer = &asked;
    asked.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  });
  std::vector<std::string> lines;
  std::optional<LocalApiError> ended;
  const LocalApi api(fixture.loop.get(), fixture.options);
  LocalCall call = api.watch(
      "/localapi/v0/watch-ipn-bus?mask=258", [&](std::string_view line) { lines.emplace_back(line); },
      [&](LocalApiError error) { ended = std::move(error); });
  REQUIRE(fixture.loop.run_until([&] { return peer != nullptr; }));
  CHECK(peer->is("GET /localapi/v0/watch-ipn-bus?mask=258 HTTP/1.1\r\n"));
  peer->say("8\r\n{\"a\":1}\n\r\n4\r\n{\"b\"\r\n");
  REQUIRE(fixture.loop.run_until([&] { return lines.size() == 1; }));
  peer->say("d\r\n:2}\n\n{\"c\":3}\n\r\n");
  REQUIRE(fixture.loop.run_until([&] { return lines.size() == 3; }));
  CHECK(lines == std::vector<std::string>{R"({"a":1})", R"({"b":2})", R"({"c":3})"});
  // Longer than a request may take: silence is not its end.
  const auto silent_until = std::chrono::steady_clock::now() + 100ms;
  REQUIRE(fixture.loop.run_until([&] { return std::chrono::steady_clock::now() > silent_until; }));
  CHECK_FALSE(ended.has_value());
  call.cancel();
  CHECK(fixture.loop.run_until([&] { return fixture.server->open() == 0; }));
  CHECK_FALSE(ended.has_value());
}

TEST_CASE("a watch may be dropped from within a line") {
  Fixture fixture;
  fixture.serve("HTTP/1.1 200 OK\r\n\r\none\ntwo\nthree\n");
  const LocalApi api(fixture.loop.get(), fixture.options);
  int lines = 0;
  bool ended = false;
  LocalCall call;
  call = api.watch(
      "/a",
      [&, guard = std::make_shared<int>(7)](std::string_view line) {
        ++lines;
        call.cancel();
        CHECK(line == "one");
        CHECK(*guard == 7);
      },
      [&](const LocalApiError&) { ended = true; });
  REQUIRE(fixture.loop.run_until([&] { return lines != 0; }));
  uv_run(fixture.loop.get(), UV_RUN_NOWAIT);
  CHECK(lines == 1);
  CHECK_FALSE(ended);
}

TEST_CASE("how a watch ends") {
  const auto end_of = [](const std::string& text, int lines_before) {
    Fixture fixture;
    fixture.options.line_bytes = 100;
    if (!text.empty()) fixture.serve(text);
    std::optional<LocalApiError> ended;
    int lines = 0;
    const LocalApi api(fixture.loop.get(), fixture.options);
    const LocalCall call = api.watch(
        "/a", [&](std::string_view) { ++lines; }, [&](LocalApiError error) { ended = std::move(error); });
    CHECK_FALSE(ended.has_value());
    REQUIRE(fixture.loop.run_until([&] { return ended.has_value(); }));
    CHECK(lines == lines_before);
    return *ended;
  };
  const std::string head = "HTTP/1.1 200 OK\r\n\r\n";
  CHECK(end_of("", 0).error.code == ErrorCode::connect_refused);
  CHECK(end_of(head + "one\ntwo\n", 2).error.code == ErrorCode::connection_closed);
  // One that is too long says that something was said.
  CHECK(end_of(head + "one\n" + std::string(300, 'x') + "\ntwo\n", 3).error.code ==
        ErrorCode::connection_closed);
  CHECK(end_of(http_answer(403, "watch ipn bus access denied"), 0).error.code ==
        ErrorCode::permission_denied);
  CHECK(end_of(http_answer(400, "bad mask"), 0).text.ends_with("with 400: bad mask"));
  CHECK(end_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0).error.code ==
        ErrorCode::bad_response);
}
