#include "http/request_head.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

using namespace evenkeel::http;

namespace {

struct Read {
  std::unique_ptr<const std::string> text;  // what the views of the others point into
  int status = 0;
  RequestHead head;
  std::unique_ptr<FieldList> fields = std::make_unique<FieldList>();
};

Read read(const std::string& text, HeadLimits limits = {}) {
  Read result{.text = std::make_unique<const std::string>(text), .head = {}};
  result.status = read_request_head(*result.text, limits, *result.fields, result.head);
  return result;
}

std::string get_with(const std::string& fields) {
  return "GET /x HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

}  // namespace

TEST_CASE("a plain request is read") {
  const std::string text = "GET /x?y=1 HTTP/1.1\r\nHost: app.example:8080\r\nUser-Agent: t\r\n\r\n";
  const Read result = read(text);
  REQUIRE(result.status == 0);
  CHECK(result.head.method == "GET");
  CHECK(result.head.path == "/x?y=1");
  CHECK(result.head.host == "app.example:8080");
  CHECK(result.head.user_agent == "t");
  CHECK(result.head.keep_alive);
  CHECK(result.head.idempotent);
  CHECK(result.head.framing == Framing::none);
}

TEST_CASE("request lines that are not METHOD SP target SP HTTP/1.x are refused") {
  const std::vector<std::pair<std::string, int>> lines = {
      {"GET  / HTTP/1.1", 400},
      {"GET /  HTTP/1.1", 400},
      {"GET / HTTP/1.1 ", 400},
      {"GET /", 400},
      {"GET", 400},
      {"GET / HTTP/2.0", 505},
      {"GET / HTTP/0.9", 505},
      {"GET / RTSP/1.0", 400},
      {"GET / ICE/1.0", 400},
      {"GET / HTTP/1.2", 505},
      {"GET / http/1.1", 400},
      {"G@T / HTTP/1.1", 400},
      {"GET /a\tb HTTP/1.1", 400},
      {"GET /a#b HTTP/1.1", 400},
      {"GET * HTTP/1.1", 400},
      {"GET *foo HTTP/1.1", 400},
      {"FOO / HTTP/1.1", 501},
      {"GET /\xc3\xa9 HTTP/1.1", 400},
      {"CONNECT a:1 HTTP/1.1", 405},
      {"TRACE / HTTP/1.1", 405},
      {"GET foo HTTP/1.1", 400},
      {"PRI * HTTP/2.0", 505},
  };
  for (const auto& [line, status] : lines) {
    INFO(line);
    CHECK(read(line + "\r\nHost: a\r\n\r\n").status == status);
  }
}

TEST_CASE("exactly one valid Host") {
  CHECK(read("GET / HTTP/1.1\r\n\r\n").status == 400);
  CHECK(read("GET / HTTP/1.0\r\n\r\n").status == 0);
  CHECK(read(get_with("Host: a\r\n")).status == 400);
  for (const std::string host :
       {"", "a/b@c d", "a/b", "u@h", "a b", "[::1", "[zz]", "a:b", "a:123456", "[]", "a\"b"}) {
    INFO(host);
    CHECK(read("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n").status == 400);
  }
  for (const std::string host :
       {"a", "a.b-c_d:80", "[::1]:8080", "[fe80::1]", "127.0.0.1", "xn--e1afmkfd.example", "a:"}) {
    INFO(host);
    CHECK(read("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n").status == 0);
  }
}

TEST_CASE("an absolute-form target overrides Host and is asked for in origin-form") {
  const std::string text = "GET http://real.example/p?q HTTP/1.1\r\nHost: other\r\n\r\n";
  const Read result = read(text);
  REQUIRE(result.status == 0);
  CHECK(result.head.host == "real.example");
  CHECK(result.head.path == "/p?q");
  const std::string bare = "GET http://real.example HTTP/1.1\r\nHost: other\r\n\r\n";
  CHECK(read(bare).head.path == "/");
  CHECK(read("GET http://u:p@h/ HTTP/1.1\r\nHost: h\r\n\r\n").status == 400);
  CHECK(read("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n").status == 400);
  CHECK(read("GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n").status == 400);
}

TEST_CASE("framing fields that could be read in two ways are refused") {
  for (const std::string fields : {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                                   "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
                                   "Content-Length: 3\r\nContent-Length: 3\r\n",
                                   "Content-Length: 3, 3\r\n",
                                   "Content-Length: +3\r\n",
                                   "Content-Length: -3\r\n",
                                   "Content-Length: 0x3\r\n",
                                   "Content-Length: 3 4\r\n",
                                   "Content-Length: \r\n",
                                   "Content-Length: 18446744073709551616\r\n",
                                   "Content-Length: 9223372036854775811\r\n",
                                   "Transfer-Encoding: xchunked\r\n",
                                   "Transfer-Encoding: identity\r\n",
                                   "Transfer-Encoding: \"chunked\"\r\n",
                                   "Transfer-Encoding: chunked;q=1\r\n",
                                   "Transfer-Encoding: chunked, gzip\r\n",
                                   "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                                   "Transfer-Encoding: identity, chunked\r\n",
                                   "Transfer-Encoding: gzip, chunked\r\n",
                                   "Transfer-Encoding: ,chunked\r\n",
                                   "Transfer-Encoding: \"a,chunked\r\n",
                                   "Transfer-Encoding: \r\n",
                                   "Transfer-Encoding: \r\nContent-Length: 3\r\n",
                                   "X : a\r\n",
                                   "Content Length: 3\r\n",
                                   "Foo Transfer-Encoding: chunked\r\n"}) {
    INFO(fields);
    CHECK(read(get_with(fields)).status == 400);
  }
  CHECK(read("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").status == 400);
}

TEST_CASE("framing that is clear is taken") {
  const std::string counted = get_with("Content-Length: 9223372036854775807\r\n");
  CHECK(read(counted).head.framing == Framing::length);
  CHECK(read(counted).head.content_length == 9223372036854775807ULL);
  const std::string chunked = get_with("transfer-encoding: CHUNKED\r\n");
  CHECK(read(chunked).head.framing == Framing::chunked);
  const std::string empty = get_with("Content-Length: 0\r\n");
  CHECK(read(empty).head.framing == Framing::none);
  CHECK(read(empty).head.has_length);
}

TEST_CASE("limits have their own status") {
  CHECK(read("GET /" + std::string(100, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", {.uri_bytes = 50}).status ==
        414);
  std::string many;
  for (int i = 0; i < 101; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  CHECK(read(get_with(many)).status == 431);
  std::string too_many_for_the_list;
  for (int i = 0; i < 300; ++i) too_many_for_the_list += "X: 1\r\n";
  CHECK(read(get_with(too_many_for_the_list), {.fields = 256}).status == 431);
}

TEST_CASE("keep-alive by version and Connection, white space and case not minded") {
  CHECK_FALSE(read(get_with("Connection: close\r\n")).head.keep_alive);
  CHECK_FALSE(read(get_with("Connection: foo, Close\t\r\n")).head.keep_alive);
  CHECK_FALSE(read("GET / HTTP/1.0\r\nHost: a\r\n\r\n").head.keep_alive);
  CHECK(read("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n").head.keep_alive);
}

TEST_CASE("an upgrade needs GET, HTTP/1.1, no body, and Connection: upgrade") {
  const std::string ok = get_with("Connection: Upgrade\r\nUpgrade: websocket\r\n");
  CHECK(read(ok).head.upgrade == "websocket");
  CHECK(read(get_with("Upgrade: websocket\r\n")).head.upgrade.empty());
  CHECK(read(get_with("Proxy-Connection: upgrade\r\nUpgrade: websocket\r\n")).head.upgrade.empty());
  CHECK(read(get_with("Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n"))
            .head.upgrade.empty());
  CHECK(read("GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
            .head.upgrade.empty());
  CHECK(read("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
            .head.upgrade.empty());
}

TEST_CASE("expectations: 100-continue is known, others are 417, HTTP/1.0 has none") {
  CHECK(read(get_with("Expect: 100-Continue\r\n")).head.expects_continue);
  CHECK(read(get_with("Expect: tea\r\n")).status == 417);
  CHECK(read("GET / HTTP/1.0\r\nHost: a\r\nExpect: tea\r\n\r\n").status == 0);
}

TEST_CASE("Connection may name fields for removal, but not those that carry the message's meaning") {
  const Read result =
      read(get_with("Connection: X-Drop, Authorization, X-Forwarded-For, Host\r\nX-Drop: 1\r\n"
                    "Authorization: b\r\nX-Forwarded-For: c\r\nTE: trailers\r\n"));
  REQUIRE(result.status == 0);
  for (const Field& field : result.fields->all()) {
    INFO(field.name);
    const bool dropped = field.name == "X-Drop" || field.name == "Connection" || field.name == "TE";
    CHECK(field.hop_by_hop == dropped);
  }
}
