#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "config/option_fields.hpp"
#include "config/port_reader.hpp"
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

// The rows of the first table after `heading`, by the cells between their bars.
std::vector<std::vector<std::string>> table(const std::string& markdown, const std::string& heading) {
  std::vector<std::vector<std::string>> rows;
  const std::size_t begin = markdown.find("\n" + heading + "\n");
  REQUIRE(begin != std::string::npos);
  std::istringstream in(markdown.substr(markdown.find("\n|", begin) + 1));
  for (std::string line; std::getline(in, line) && line.starts_with('|');) {
    std::vector<std::string>& cells = rows.emplace_back();
    for (std::size_t at = 1, end = 0; (end = line.find(" |", at)) != std::string::npos; at = end + 2) {
      cells.push_back(line.substr(at + 1, end > at ? end - at - 1 : 0));
    }
  }
  REQUIRE(rows.size() > 2);
  return rows;
}

// The column "ports" of the table after `heading` says what the table of fields does.
template <class T>
void check_ports_column(const std::string& heading, std::span<const evenkeel::config::Field<T>> fields) {
  const auto rows = table(file("docs/port-spec.md"), heading);
  REQUIRE(rows[0][1] == "ports");
  for (const auto& field : fields) {
    const std::string name = "`" + std::string(field.key) + "`";
    CAPTURE(heading, name);
    const auto row = std::ranges::find_if(
        rows, [&](const auto& cells) { return !cells.empty() && cells[0].find(name) != std::string::npos; });
    REQUIRE(row != rows.end());
    bool all = true;
    for (const auto protocol : evenkeel::config::all_protocols)
      all = all && field.protocols.contains(protocol);
    CHECK((*row)[1] == (all ? "all" : evenkeel::config::names_of(field.protocols)));
  }
}

}  // namespace

TEST_CASE("the documentation says for which ports a key is") {
  check_ports_column("### A port", evenkeel::config::port_fields());
  check_ports_column("## Settings", evenkeel::config::settings_fields());
  check_ports_column("### timeouts", evenkeel::config::timeouts_fields());
  check_ports_column("### limits", evenkeel::config::limits_fields());
}

TEST_CASE("the examples of the documentation are right") {
  const auto examples = blocks(file("docs/port-spec.md"), "json");
  REQUIRE(examples.size() >= 6);
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
  INFO(lines);
  CHECK(shown[0] == lines);
  CHECK(shown[1] == spec::error("{\n  \"proxies\": {\n      \"a\": 1,\n    }}"));
}

TEST_CASE("the https example is an https port, and a redirect to it") {
  const auto ports = spec::config(file("examples/https.json")).ports;
  REQUIRE(ports.size() == 2);
  CHECK(ports[0].protocol == evenkeel::Protocol::https);
  CHECK(ports[0].tls.certificates ==
        std::vector<evenkeel::CertificateFiles>{{"localhost.pem", "localhost.key"}});
  CHECK(ports[1].http.redirect == "https://localhost:8443/");
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
