#include <catch2/catch.hpp>

#include "config/ip_and_port.hpp"
#include "spec.hpp"

using evenkeel::DiscoverySpec;

namespace {

std::string with(std::string_view discovery) {
  return R"({"discovery": )" + std::string(discovery) +
         R"(, "proxies": {"p": {"ports": {"80/http": {"targets": ["a:1"]}}}}})";
}

}  // namespace

TEST_CASE("where ports come from besides the spec") {
  const auto config = evenkeel::parse_config(with(R"({"files": "/etc/d"})"));
  REQUIRE(config);
  CHECK(config->discovery == DiscoverySpec{.files = "/etc/d"});
}

TEST_CASE("a directory is named from the root") {
  CHECK(spec::error(with(R"({"files": "d"})")) ==
        "/discovery/files: is \"d\"; expected the absolute path of a directory, such as "
        "\"/etc/evenkeel/conf.d\"");
}

TEST_CASE("an address with a port") {
  using evenkeel::config::read_ip_and_port;
  CHECK(read_ip_and_port("10.0.0.1")->port == 0);
  CHECK(read_ip_and_port("10.0.0.1:53")->port == 53);
  CHECK(read_ip_and_port("[::1]:53")->ip == "::1");
  CHECK(read_ip_and_port("::1")->ip == "::1");
  for (const std::string_view wrong : {"", ":53", "::1:53:", "[::1]", "[10.0.0.1]:1",
                                       "10.0.0.1:", "10.0.0.1:0", "a:1", "10.0.0.1:65536", "10.0.0.1:1x"}) {
    CAPTURE(wrong);
    CHECK_FALSE(read_ip_and_port(wrong));
  }
}
