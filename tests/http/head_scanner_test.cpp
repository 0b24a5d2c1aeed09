#include "http/head_scanner.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

using evenkeel::http::HeadScanner;
using State = HeadScanner::State;

namespace {

State scan_whole(std::string_view bytes) {
  return HeadScanner().scan(bytes);
}

State scan_byte_by_byte(std::string_view bytes) {
  HeadScanner scanner;
  State state = State::incomplete;
  for (std::size_t n = 1; n <= bytes.size() && state == State::incomplete; ++n) {
    state = scanner.scan(bytes.substr(0, n));
  }
  return state;
}

}  // namespace

TEST_CASE("a head ends at its first empty line, and the bytes after it are not looked at") {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  HeadScanner scanner;
  CHECK(scanner.scan(head + "\r\rgarbage\n") == State::complete);
  CHECK(scanner.length() == head.size());
}

TEST_CASE("a head may arrive a byte at a time") {
  HeadScanner scanner;
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: \tb\r\n\r\n";
  for (std::size_t n = 1; n < head.size(); ++n) {
    REQUIRE(scanner.scan(std::string_view(head).substr(0, n)) == State::incomplete);
  }
  CHECK(scanner.scan(head) == State::complete);
  CHECK(scanner.length() == head.size());
}

TEST_CASE("lines that two parsers could see in two ways are refused, however they arrive") {
  const std::vector<std::string> bad = {
      "GET / HTTP/1.1\nHost: a\n\n",                               // bare LF
      "GET / HTTP/1.1\r\nHost: a\r\n\n",                           // bare LF as the empty line
      "GET / HTTP/1.1\r\nD: \rContent-Length: 42\r\n\r\n",         // bare CR
      "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",                      // obs-fold
      "GET / HTTP/1.1\r\nX: a\r\n\tb\r\n\r\n",                     // obs-fold by TAB
      "GET / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",  // a value on the next line
      "GET / HTTP/1.1\r\n: a\r\n\r\n",                             // no name
      " GET / HTTP/1.1\r\n\r\n",                                   // led by a space
      std::string("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", 25),        // NUL
      "GET / HTTP/1.1\r\nX: a\x7f\r\n\r\n",                        // DEL
      "GET / HTTP/1.1\r\nX: a\x01\r\n\r\n",                        // a control character
      "GET / HTTP/1.1\r\nHost: a\r\n\rX",                          // CR that ends nothing
  };
  for (const std::string& head : bad) {
    INFO(head);
    CHECK(scan_whole(head) == State::bad);
    CHECK(scan_byte_by_byte(head) == State::bad);
  }
}

TEST_CASE("a control character is found at every position of a vector's width") {
  for (std::size_t at = 0; at < 40; ++at) {
    std::string head = "GET / HTTP/1.1\r\nX: " + std::string(40, 'v') + "\r\n\r\n";
    head[19 + at] = '\x02';
    INFO(at);
    CHECK(scan_whole(head) == State::bad);
  }
}

TEST_CASE("bytes from 0x80 up and TAB may stand in a value") {
  CHECK(scan_whole("GET / HTTP/1.1\r\nX: \xc3\xa9\t\xff\r\n\r\n") == State::complete);
}
