#include "discovery/port_label.hpp"

#include <catch2/catch.hpp>

using namespace evenkeel::discovery;

namespace {

// "443/https http 3000-3000"
std::string mapping(std::string_view value) {
  const auto label = read_port_label(value);
  if (!label) return std::string(label.error());
  if (!label->redirect.empty()) return label->key + " -> " + label->redirect;
  return label->key + ' ' + label->scheme + ' ' + std::to_string(label->first) + '-' +
         std::to_string(label->last);
}

}  // namespace

TEST_CASE("a port and its target") {
  CHECK(mapping("443/https:3000/http") == "443/https http 3000-3000");
  CHECK(mapping("443/https:8443/https") == "443/https https 8443-8443");
  CHECK(mapping(" 22/tcp : 2222/tcp ") == "22/tcp tcp 2222-2222");
  CHECK(mapping("56000-56002/udp:56000-56002/udp") == "56000-56002/udp udp 56000-56002");
}

TEST_CASE("what is not said is https before http, and behind it what is in front") {
  CHECK(mapping("443:80") == "443/https http 80-80");
  CHECK(mapping("22/tcp:22") == "22/tcp tcp 22-22");
  CHECK(mapping("53/udp:53") == "53/udp udp 53-53");
  CHECK(mapping("443/https") == "443/https http 0-0");
}

TEST_CASE("a redirect") {
  CHECK(mapping("80/http->https://cloud.tailnet-name.ts.net") ==
        "80/http -> https://cloud.tailnet-name.ts.net");
  CHECK(mapping("80/http -> https://a.example:8443/") == "80/http -> https://a.example:8443/");
  CHECK(mapping("80/http->") == "has no URL behind its \"->\"");
}

TEST_CASE("what is no port label") {
  constexpr std::string_view wrong = "has a target that is not a port, or ports that ascend";
  CHECK(mapping("") == "is empty");
  CHECK(mapping(" , ") == "is empty");
  for (const std::string_view value :
       {"443:", "443:http", "443:0", "443:70000", "443:5-4", "443:1-", "443:-1", "443:1x"}) {
    CAPTURE(value);
    CHECK(mapping(value) == wrong);
  }
}

TEST_CASE("options come behind commas") {
  const auto label = read_port_label("443/https:80/http, no_tlsvalidate ,loadbalance = leastconn,");
  REQUIRE(label);
  CHECK(label->options == std::vector<std::pair<std::string, std::string>>{{"no_tlsvalidate", ""},
                                                                           {"loadbalance", "leastconn"}});
}
