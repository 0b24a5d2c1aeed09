#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "spec.hpp"

using namespace std::chrono_literals;

namespace {

std::string file(const std::string& path) {
  std::ifstream in(std::string(EVENKEEL_SOURCE_DIR) + '/' + path, std::ios::binary);
  REQUIRE(in);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What stands between ````language` and ```.
std::vector<std::string> blocks(const std::string& markdown, const std::string& language) {
  const std::string open = "\n```" + language + "\n";
  std::vector<std::string> found;
  for (std::size_t at = markdown.find(open); at != std::string::npos; at = markdown.find(open, at)) {
    at += open.size();
    const std::size_t end = markdown.find("\n```\n", at);
    REQUIRE(end != std::string::npos);
    found.push_back(markdown.substr(at, end - at));
    at = end;
  }
  return found;
}

}  // namespace

TEST_CASE("the examples of the documentation are right") {
  const auto examples = blocks(file("docs/port-spec.md"), "json");
  REQUIRE(examples.size() >= 2);
  for (const std::string& example : examples) spec::config(example);
}

TEST_CASE("the errors that the documentation shows look as they do") {
  const auto shown = blocks(file("docs/port-spec.md"), "text");
  REQUIRE(shown.size() == 2);
  std::string lines;
  for (const std::string& line : spec::errors(R"({"proxies": {"myapp": {
      "loadbalance": "leastcon", "health": {"interval": 5}, "ports": {
        "443/https": {"targets": ["a:1"]},
        "80/http": {"targets": ["http://10.0.0.1:3000", "http://10.0.0.2:3000/app"]}}}}})")) {
    lines += (lines.empty() ? "" : "\n") + line;
  }
  CHECK(shown[0] == lines);
  CHECK(shown[1] == spec::error("{\n  \"proxies\": {\n      \"a\": 1,\n    }}"));
}

TEST_CASE("the quickstart is three targets in turn with a quick health check") {
  const auto port = spec::only_port(file("examples/quickstart.json"));
  CHECK(port.http.name == "hello 8080/http");
  CHECK(port.strategy == "roundrobin");
  CHECK(port.targets.size() == 3);
  CHECK(port.health.type == evenkeel::CheckType::http);
  CHECK(port.health.path == "/healthz");
  CHECK(port.health.interval == 1s);
  CHECK(port.health.timeout == 500ms);
}
