#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "spec.hpp"

using evenkeel::parse_config;
using evenkeel::SpecFragment;

namespace {

constexpr std::string_view with_files = R"({"discovery": {"files": "/d"}, "loadbalance": "first"})";

std::vector<std::string> errors(std::string_view text, const std::vector<SpecFragment>& fragments) {
  const auto config = parse_config(text, fragments);
  REQUIRE_FALSE(config);
  std::vector<std::string> all;
  for (const auto& error : config.error()) all.push_back(error.text());
  return all;
}

std::string port(std::string_view proxy, std::string_view key, std::string_view more = "") {
  return R"({)" + std::string(more) + R"("proxies": {")" + std::string(proxy) + R"(": {"ports": {")" +
         std::string(key) + R"(": {"targets": ["a:1"]}}}}})";
}

}  // namespace

TEST_CASE("fragments add ports, which inherit the spec's settings and their own") {
  const auto config = parse_config(
      with_files,
      std::vector<SpecFragment>{{"a.json", port("a", "80/http")},
                                {"b.json", port("b", "81/http", R"("loadbalance": "random", )")}});
  REQUIRE(config);
  REQUIRE(config->ports.size() == 2);
  CHECK(config->ports[0].proxy == "a");
  CHECK(config->ports[0].strategy == "first");
  CHECK(config->ports[1].strategy == "random");
}

TEST_CASE("mistakes of fragments are told by their names, all at once") {
  const auto told =
      errors(with_files,
             {{"a.json", R"({"proxies": {"a": {"ports": {"80/htp": {"targets": ["a:1"]}}}}, "workers": 2})"},
              {"b.json", "{"}});
  REQUIRE(told.size() == 3);
  CHECK(told[0] ==
        "a.json#/proxies/a/ports/80~1htp: unknown protocol \"htp\" (did you mean \"http\"?); expected one of "
        "\"http\", \"https\", \"tcp\", \"udp\"");
  // What is the process's is not for fragments.
  CHECK(told[1].starts_with("a.json#/workers: unknown key; expected one of \"$schema\", \"proxies\", "));
  CHECK(told[2].starts_with("b.json#: line 1, column 2: "));
}

TEST_CASE("a fragment listens nowhere where another does") {
  const auto told = errors(with_files, {{"a.json", port("a", "80/http")}, {"b.json", port("b", "80/http")}});
  REQUIRE(told.size() == 1);
  CHECK(told[0].starts_with(
      "b.json#/proxies/b/ports/80~1http: listens where a.json#/proxies/a/ports/80~1http does"));
}

TEST_CASE("a port is named once in all fragments") {
  const auto told = errors(
      with_files,
      {{"a.json", port("a", "80/http")},
       {"b.json",
        R"({"proxies": {"a": {"listen": "127.0.0.2", "ports": {"80/http": {"targets": ["a:1"]}}}}})"}});
  CHECK(told ==
        std::vector<std::string>{"b.json#/proxies/a/ports/80~1http: is a port that "
                                 "a.json#/proxies/a/ports/80~1http is; expected one port of this key in all "
                                 "of a proxy's fragments"});
}

TEST_CASE("a spec without proxies needs somewhere else to have them from") {
  CHECK(parse_config(with_files));
  CHECK_THAT(spec::error(R"({"loadbalance": "first"})"), Catch::Matchers::StartsWith(": has no \"proxies\""));
}
