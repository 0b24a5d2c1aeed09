#include "http/cookie.hpp"

#include <catch2/catch.hpp>

#include "http/hash_key.hpp"

using namespace evenkeel;
using namespace evenkeel::http;

namespace {

struct Request {
  explicit Request(const std::string& fields_text)
      : text("GET /a?b=c HTTP/1.1\r\nHost: x\r\n" + fields_text + "\r\n") {
    REQUIRE(read_request_head(text, {}, fields, head) == 0);
  }
  std::string text;
  FieldList fields;
  RequestHead head;
};

std::string_view cookie(const Request& request, std::string_view name) {
  return find_cookie(request.fields, name);
}

}  // namespace

TEST_CASE("a cookie is found by its whole name, wherever it stands") {
  const Request request("Cookie: ab=1; a=2;a=3; A=4;b = 5 ; empty=; q=\"6\"; last=7\r\n");
  CHECK(cookie(request, "a") == "2");
  CHECK(cookie(request, "ab") == "1");
  CHECK(cookie(request, "A") == "4");
  CHECK(cookie(request, "b") == "5");
  CHECK(cookie(request, "empty").empty());
  CHECK(cookie(request, "q") == "\"6\"");
  CHECK(cookie(request, "last") == "7");
  CHECK(cookie(request, "las").empty());
}

TEST_CASE("a cookie is found in any of several fields, and in none") {
  const Request request("Cookie: a=1\r\nX: y\r\nCookie: b=2=3\r\n");
  CHECK(cookie(request, "b") == "2=3");
  for (const std::string text : {"", ";", "; ;", "=", "a", ";;a;", "=a"}) {
    CAPTURE(text);
    CHECK(cookie(Request("Cookie: " + text + "\r\n"), "a").empty());
  }
}

TEST_CASE("a token is a number in hexadecimal digits, or none") {
  CHECK(read_sticky_token("1f") == 0x1f);
  CHECK(read_sticky_token("ffffffffffffffff") == ~std::uint64_t{0});
  for (const std::string_view wrong :
       {"", "0", "g", "-1", "1 ", " 1", "0x1f", "10000000000000000", "\"1f\""}) {
    CAPTURE(wrong);
    CHECK(read_sticky_token(wrong) == 0);
  }
}

TEST_CASE("the first of several cookies that is a token counts") {
  const Request request("Cookie: t=\"1\"; t=old; T=5\r\nCookie: t=1f; t=2\r\n");
  CHECK(find_sticky_token(request.fields, "t") == 0x1f);
  CHECK(find_sticky_token(request.fields, "u") == 0);
}

TEST_CASE("a response is for everybody when it says so") {
  const auto is_shared = [](const std::string& fields) {
    return is_for_everybody(Request(fields + "\r\n").fields);
  };
  CHECK(is_shared("Cache-Control: max-age=60, Public"));
  CHECK(is_shared("cache-control: s-maxage=60"));
  CHECK(is_shared("Cache-Control: no-transform\r\nCache-Control: public"));
  for (const char* own : {"Cache-Control: max-age=60", "Cache-Control: private, no-store",
                          "Cache-Control: publicity", "X: public", "Cache-Control:"}) {
    CAPTURE(own);
    CHECK_FALSE(is_shared(own));
  }
}

TEST_CASE("the key of a request is the part that was asked for") {
  const Request request("X-User: ann\r\nx-user: bob\r\nCookie: sid=9\r\n");
  const auto key = [&](HashKey::By by, const char* name = "") {
    return hash_key_of({by, name}, request.head, request.fields);
  };
  CHECK(key(HashKey::By::ip).empty());
  CHECK(key(HashKey::By::uri) == "/a?b=c");
  CHECK(key(HashKey::By::header, "X-USER") == "ann");
  CHECK(key(HashKey::By::header, "X").empty());
  CHECK(key(HashKey::By::cookie, "sid") == "9");
  CHECK(key(HashKey::By::cookie, "SID").empty());
}
