#include "spec_diff.hpp"

#include <catch2/catch.hpp>

using namespace evenkeel;
using namespace evenkeel::cli;

namespace {

PortSpec port(std::string_view key, std::string_view more = "", std::string_view proxy = "p") {
  const auto config =
      parse_config(R"({"proxies": {")" + std::string(proxy) + R"(": {"ports": {")" + std::string(key) +
                   R"(": {"targets": ["a:1", "b:1"])" + std::string(more) + "}}}}}");
  REQUIRE(config);
  return config->ports[0];
}

}  // namespace

TEST_CASE("a port is where it listens, whatever it speaks and whose it is") {
  const PortSpec one = port("80/http");
  CHECK(is_same_place(one, port("80/tcp")));
  CHECK(is_same_place(one, port("80/http", "", "other")));
  CHECK_FALSE(is_same_place(one, port("80/udp")));
  CHECK_FALSE(is_same_place(one, port("81/http")));
  CHECK_FALSE(is_same_place(one, port("80/http", R"(, "listen": "127.0.0.2")")));
  CHECK_FALSE(is_same_place(port("80-81/tcp"), port("80/tcp")));
  CHECK_FALSE(is_same_place(one, port("80/http", R"(, "tailnet": {"mode": "host"})")));
}

TEST_CASE("the same is no change") {
  CHECK_FALSE(changes(port("80/http"), port("80/http")).any());
}

TEST_CASE("each option changes what it is about, and no more") {
  const PortSpec before = port("80/http");
  const PortChanges targets = changes(before, [&] {
    PortSpec after = before;
    after.targets.pop_back();
    return after;
  }());
  CHECK(targets.targets);
  CHECK_FALSE(targets.proxies);
  CHECK_FALSE(targets.health);
  const PortChanges health = changes(before, port("80/http", R"(, "health": {"interval": "1s"})"));
  CHECK(health.health);
  CHECK_FALSE(health.proxies);
  CHECK_FALSE(health.targets);
  const PortChanges pool = changes(before, port("80/http", R"(, "slowStart": "9s")"));
  CHECK(pool.pool);
  CHECK_FALSE(pool.proxies);
  for (const std::string_view more : {R"(, "via": "keel")", R"(, "loadbalance": "first")",
                                      R"(, "limits": {"headers": 9})", R"(, "accessLog": true)"}) {
    CAPTURE(more);
    const PortChanges proxies = changes(before, port("80/http", more));
    CHECK(proxies.proxies);
    CHECK_FALSE(proxies.health);
    CHECK_FALSE(proxies.targets);
  }
  CHECK(changes(before, port("80/http", "", "other")).proxies);
}
