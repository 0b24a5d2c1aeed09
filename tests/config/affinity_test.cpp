#include "spec.hpp"

using evenkeel::HashKey;
using evenkeel::StickyOptions;
using namespace std::chrono_literals;

namespace {

HashKey hash_key(std::string_view value) {
  return spec::only_port(spec::port("\"hashKey\": " + std::string(value))).http.hash_key;
}

StickyOptions sticky(std::string_view value) {
  return spec::only_port(spec::port("\"sticky\": " + std::string(value))).http.sticky;
}

std::string error(std::string_view setting) {
  return spec::error(spec::port(setting));
}

}  // namespace

TEST_CASE("a hash key is a part of the request, or the client's address") {
  CHECK(hash_key(R"("ip")") == HashKey{});
  CHECK(hash_key(R"("uri")") == HashKey{HashKey::By::uri, ""});
  CHECK(hash_key(R"("header:X-User")") == HashKey{HashKey::By::header, "X-User"});
  CHECK(hash_key(R"("cookie:sid")") == HashKey{HashKey::By::cookie, "sid"});
  for (const std::string wrong :
       {"", "path", "ip:", "uri:x", "header", "header:", "cookie:a b", "Header:X"}) {
    CAPTURE(wrong);
    CHECK(error(R"("hashKey": ")" + wrong + '"') ==
          "/hashKey: is \"" + wrong + R"("; expected "ip", "uri", "header:NAME" or "cookie:NAME")");
  }
}

TEST_CASE("a hash balance factor is more than all, or none") {
  const auto factor = [](std::string_view value) {
    return spec::only_port(spec::port("\"hashBalanceFactor\": " + std::string(value))).hash_balance_factor;
  };
  CHECK(factor("0") == 0);
  CHECK(factor("101") == 101);
  CHECK(factor("10000") == 10'000);
  CHECK(
      error("\"hashBalanceFactor\": 100") ==
      "/hashBalanceFactor: is 100; expected 0 for no bound, or a whole number of percent from 101 to 10000");
  CHECK(spec::only_port(spec::tcp("\"hashBalanceFactor\": 150")).hash_balance_factor == 150);
}

TEST_CASE("sticky is on, off, or on with figures") {
  CHECK(sticky("true") == StickyOptions{"evenkeel-80", 0s});
  CHECK(sticky("false") == StickyOptions{});
  CHECK(sticky("{}") == StickyOptions{"evenkeel-80", 0s});
  CHECK(sticky(R"({"cookie": "a", "maxAge": "1m"})") == StickyOptions{"a", 60s});
  CHECK(error(R"("sticky": {"cookie": "a=b"})") ==
        "/sticky/cookie: is \"a=b\"; expected the name of a cookie, such as \"evenkeel\"");
  CHECK(error(R"("sticky": {"cookie": "__Host-a"})") ==
        "/sticky/cookie: is \"__Host-a\"; expected a name without \"__Host-\" or \"__Secure-\", which are "
        "for https ports");
  CHECK(error(R"("sticky": {"maxAge": "1500ms"})") ==
        "/sticky/maxAge: is \"1500ms\"; expected whole seconds");
  CHECK(error(R"("sticky": 1)") ==
        "/sticky: is a number; expected true, false, or an object with \"cookie\" or \"maxAge\"");
}
