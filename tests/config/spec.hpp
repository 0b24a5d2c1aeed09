// Short specs for tests, and what became of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "evenkeel/config.hpp"

namespace spec {

// One proxy "p" with one port "80/http" that has a target and `more` beside it: R"("via": "x")".
inline std::string port(std::string_view more) {
  std::string text = R"({"proxies": {"p": {"ports": {"80/http": {"targets": ["http://a:1"])";
  if (!more.empty()) text += ", ";
  return text.append(more).append("}}}}}");
}

// One proxy "p" with one port `key` that has a target and `more` beside it.
inline std::string port_at(std::string_view key, std::string_view more) {
  std::string text = R"({"proxies": {"p": {"ports": {")";
  text.append(key).append(R"(": {"targets": ["a:1"])");
  if (!more.empty()) text += ", ";
  return text.append(more).append("}}}}}");
}
inline std::string tcp(std::string_view more) {
  return port_at("5432/tcp", more);
}
inline std::string udp(std::string_view more) {
  return port_at("53/udp", more);
}

// An https port has to have a certificate: said at the top, out of the way of what is tested.
inline constexpr std::string_view certificate =
    R"("tls": {"certificates": [{"certificate": "app.pem", "key": "app.key"}]})";
// A text that says at its top which certificate its https ports have.
inline std::string certified(std::string text) {
  return text.insert(1, std::string(certificate) + ", ");
}
inline std::string https(std::string_view more) {
  return certified(port_at("443/https", more));
}

// `top`, `proxy` and `port` are members to add at each level.
inline std::string levels(std::string_view top, std::string_view proxy, std::string_view port) {
  const auto first = [](std::string_view members) {
    return std::string(members) + (members.empty() ? "" : ", ");
  };
  return "{" + first(top) + R"("proxies": {"p": {)" + first(proxy) + R"("ports": {"80/http": {)" +
         first(port) + R"("targets": ["http://a:1"]}}}}})";
}

// The value of "ports" of one proxy "p".
inline std::string ports(std::string_view members) {
  return std::string(R"({"proxies": {"p": {"ports": {)").append(members).append("}}}}");
}

inline std::vector<std::string> errors(std::string_view text) {
  std::vector<std::string> lines;
  const auto config = evenkeel::parse_config(text);
  if (config) return lines;
  for (const evenkeel::SpecError& error : config.error()) lines.push_back(error.text());
  return lines;
}

// The one mistake of a text; the pointer is left out when it is that of the port that port(), tcp(), udp()
// or https() makes.
inline std::string error(std::string_view text) {
  const std::vector<std::string> lines = errors(text);
  if (lines.empty()) return "no mistake";
  if (lines.size() > 1) return "several: " + lines[0] + " | " + lines[1];
  for (const std::string_view usual : {"/proxies/p/ports/80~1http", "/proxies/p/ports/5432~1tcp",
                                       "/proxies/p/ports/53~1udp", "/proxies/p/ports/443~1https"}) {
    if (lines[0].starts_with(usual)) return lines[0].substr(usual.size());
  }
  return lines[0];
}

inline evenkeel::Config config(std::string_view text) {
  INFO(text);
  CHECK(errors(text) == std::vector<std::string>{});
  return evenkeel::parse_config(text).value_or(evenkeel::Config{});
}

// The only port of a text that is right.
inline evenkeel::PortSpec only_port(std::string_view text) {
  const evenkeel::Config all = config(text);
  REQUIRE(all.ports.size() == 1);
  return all.ports.front();
}

}  // namespace spec
