#include "http/response_head.hpp"

#include <memory>
#include <string>

#include <catch2/catch.hpp>

using namespace evenkeel::http;

namespace {

bool reads(const std::string& text, ResponseHead& head, ResponseContext context = {}) {
  const auto fields = std::make_unique<FieldList>();
  return read_response_head(text, context, *fields, head);
}

bool reads(const std::string& text, ResponseContext context = {}) {
  ResponseHead head;
  return reads(text, head, context);
}

}  // namespace

TEST_CASE("the body length of a response follows RFC 9112 section 6.3") {
  ResponseHead head;
  CHECK(reads("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", head));
  CHECK(head.framing == Framing::length);
  CHECK(reads("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", head));
  CHECK(head.framing == Framing::chunked);
  CHECK(reads("HTTP/1.1 200 OK\r\n\r\n", head));
  CHECK(head.framing == Framing::until_close);
  CHECK_FALSE(head.keep_alive);
  CHECK(reads("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", head));
  CHECK(head.framing == Framing::none);
  CHECK(head.has_length);
  CHECK(reads("HTTP/1.1 204 No Content\r\n\r\n", head));
  CHECK(head.framing == Framing::none);
  CHECK(head.keep_alive);
  CHECK(reads("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", head, {.to_head = true}));
  CHECK(head.framing == Framing::none);
}

TEST_CASE("responses that must not be forwarded are refused") {
  for (const std::string text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 99 Low\r\n\r\n", "HTTP/1.1 20 Short\r\n\r\n", "HTTP/1.1 0200 Long\r\n\r\n",
        "HTTP/1.1  Empty\r\n\r\n", "HTTP/1.1 000 Zero\r\n\r\n", "HTTP/1.1 600 High\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n", "HTTP/0.9 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", "garbage\r\n\r\n"}) {
    INFO(text);
    CHECK_FALSE(reads(text));
  }
}

TEST_CASE("a switch of protocols is taken when the request asked for one") {
  CHECK(reads("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", {.upgrade = "websocket"}));
}

TEST_CASE("a switch to something else, to nothing, or to two things is refused") {
  CHECK_FALSE(reads("HTTP/1.1 101 S\r\nUpgrade: h2c\r\n\r\n", {.upgrade = "websocket"}));
  CHECK_FALSE(reads("HTTP/1.1 101 S\r\n\r\n", {.upgrade = "websocket"}));
  CHECK_FALSE(
      reads("HTTP/1.1 101 S\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n\r\n", {.upgrade = "websocket"}));
}

TEST_CASE("a reason phrase may be missing") {
  CHECK(reads("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"));
}
