#include "http/rewrite.hpp"

#include <memory>
#include <string>

#include <catch2/catch.hpp>

using namespace evenkeel;
using namespace evenkeel::http;

namespace {

std::string flat(const GatherList& list) {
  std::string text;
  for (const iovec& slice : list.slices())
    text.append(static_cast<const char*>(slice.iov_base), slice.iov_len);
  return text;
}

std::string forwarded_request(const std::string& text, const RequestRewrite& rewrite) {
  const auto fields = std::make_unique<FieldList>();
  const auto out = std::make_unique<GatherList>();
  RequestHead head;
  REQUIRE(read_request_head(text, {}, *fields, head) == 0);
  gather_request_head(head, *fields, rewrite, *out);
  CHECK(out->bytes() == flat(*out).size());
  return flat(*out);
}

std::string forwarded_response(const std::string& text, const ResponseRewrite& rewrite,
                               ResponseContext context = {}) {
  const auto fields = std::make_unique<FieldList>();
  const auto out = std::make_unique<GatherList>();
  ResponseHead head;
  REQUIRE(read_response_head(text, context, *fields, head));
  gather_response_head(head, *fields, rewrite, *out);
  return flat(*out);
}

}  // namespace

TEST_CASE("hop-by-hop fields go, X-Forwarded-* is ours, the rest stays in order") {
  const std::string sent = forwarded_request(
      "GET /a HTTP/1.1\r\nHost: app\r\nAccept: */*\r\nConnection: keep-alive, X-Own\r\nX-Own: "
      "1\r\nKeep-Alive: 5\r\n"
      "Cookie: c\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nTE: trailers\r\nUpgrade: "
      "h2c\r\nHTTP2-Settings: x\r\n\r\n",
      {.client_ip = "192.0.2.1"});
  CHECK(sent ==
        "GET /a HTTP/1.1\r\nHost: app\r\nAccept: */*\r\nCookie: c\r\n"
        "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: app\r\n\r\n");
}

TEST_CASE("X-Forwarded-* can be appended to, or left alone") {
  const std::string text =
      "GET / HTTP/1.1\r\nHost: app\r\nForwarded: for=6.6.6.6\r\nX-Forwarded-For: "
      "6.6.6.6\r\nX-Forwarded-Proto: "
      "https\r\n\r\n";
  CHECK(forwarded_request(text, {.client_ip = "192.0.2.1", .forwarded = ForwardedMode::append}) ==
        "GET / HTTP/1.1\r\nHost: app\r\nForwarded: for=6.6.6.6\r\nX-Forwarded-Proto: https\r\n"
        "X-Forwarded-For: 6.6.6.6, 192.0.2.1\r\nX-Forwarded-Host: app\r\n\r\n");
  CHECK(forwarded_request(text, {.client_ip = "192.0.2.1", .forwarded = ForwardedMode::off}) == text);
}

TEST_CASE("Host is kept, replaced by option, and regenerated from an absolute-form target") {
  CHECK(forwarded_request("GET / HTTP/1.1\r\nHost: app\r\n\r\n",
                          {.host = "inner", .forwarded = ForwardedMode::off}) ==
        "GET / HTTP/1.1\r\nHost: inner\r\n\r\n");
  CHECK(forwarded_request("GET http://real/p HTTP/1.1\r\nHost: lie\r\n\r\n",
                          {.forwarded = ForwardedMode::off}) == "GET /p HTTP/1.1\r\nHost: real\r\n\r\n");
  CHECK(forwarded_request("GET /p HTTP/1.0\r\n\r\n",
                          {.fallback_host = "t:80", .forwarded = ForwardedMode::off}) ==
        "GET /p HTTP/1.1\r\nHost: t:80\r\n\r\n");
}

TEST_CASE("exactly one framing field, made from what was understood") {
  CHECK(forwarded_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n",
                          {.forwarded = ForwardedMode::off}) ==
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n");
  CHECK(forwarded_request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
                          {.forwarded = ForwardedMode::off}) ==
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST_CASE("an upgrade is forwarded with a Connection field of our own") {
  CHECK(forwarded_request(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, x\r\nX: 1\r\nUpgrade: websocket\r\n\r\n",
            {.forwarded = ForwardedMode::off}) ==
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST_CASE("a response of unknown length goes out chunked, or to the end of an HTTP/1.0 connection") {
  const std::string text = "HTTP/1.0 200 OK\r\nServer: s\r\n\r\n";
  CHECK(forwarded_response(text, {}) == "HTTP/1.1 200 OK\r\nServer: s\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(forwarded_response(text, {.client_minor_version = 0, .client_keep_alive = false}) ==
        "HTTP/1.1 200 OK\r\nServer: s\r\nConnection: close\r\n\r\n");
}

TEST_CASE("a length is kept where there is no body to go with it") {
  CHECK(forwarded_response("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", {}) ==
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n");
  CHECK(forwarded_response("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n", {},
                           {.to_head = true}) == "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
}

TEST_CASE("Via names the version that came in, and finds loops") {
  CHECK(forwarded_response("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", {.via = "ek"}) ==
        "HTTP/1.1 200 OK\r\nVia: 1.0 ek\r\nContent-Length: 0\r\n\r\n");
  const auto fields = std::make_unique<FieldList>();
  RequestHead head;
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 x, 1.1 EK (comment)\r\n\r\n";
  REQUIRE(read_request_head(text, {}, *fields, head) == 0);
  CHECK(passed_through(*fields, "ek"));
  CHECK_FALSE(passed_through(*fields, "e"));
}

TEST_CASE("a head full of X-Forwarded-For fields fits the gather list") {
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 250; ++i) text += "X-Forwarded-For: 1\r\n";
  text += "\r\n";
  const auto fields = std::make_unique<FieldList>();
  const auto out = std::make_unique<GatherList>();
  RequestHead head;
  REQUIRE(read_request_head(text, {.fields = 256}, *fields, head) == 0);
  gather_request_head(head, *fields, {.client_ip = "9", .forwarded = ForwardedMode::append}, *out);
  CHECK(out->slices().size() < GatherList::capacity);
}

TEST_CASE("Host with other white space than one space around it goes out plain") {
  for (const std::string host : {"Host:app\r\n", "Host:\tapp\r\n", "Host: app \r\n", "host:  app\t\r\n"}) {
    INFO(host);
    CHECK(forwarded_request("GET / HTTP/1.1\r\n" + host + "\r\n", {.forwarded = ForwardedMode::off}) ==
          "GET / HTTP/1.1\r\nHost: app\r\n\r\n");
  }
}

TEST_CASE("a status line without a reason keeps its space") {
  CHECK(forwarded_response("HTTP/1.1 204\r\n\r\n", {}) == "HTTP/1.1 204 \r\n\r\n");
  CHECK(forwarded_response("HTTP/1.0 304\r\n\r\n", {}).starts_with("HTTP/1.1 304 \r\n"));
  CHECK(forwarded_response("HTTP/1.1 204 No\r\n\r\n", {}) == "HTTP/1.1 204 No\r\n\r\n");
}

TEST_CASE("Max-Forwards of OPTIONS counts down, of anything else it is left alone") {
  const RequestRewrite plain{.forwarded = ForwardedMode::off};
  CHECK(forwarded_request("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\n\r\n", plain) ==
        "OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 2\r\n\r\n");
  CHECK(forwarded_request("OPTIONS * HTTP/1.1\r\nMax-Forwards: 7\r\nHost: a\r\nMax-Forwards: 4\r\n\r\n",
                          plain) == "OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\n\r\n");
  for (const std::string kept : {"GET / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n",
                                 "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: many\r\n\r\n"}) {
    CHECK(forwarded_request(kept, plain) == kept);
  }
}
