#include <catch2/catch.hpp>

#include "config/ip_and_port.hpp"
#include "spec.hpp"

using evenkeel::DiscoverySpec;
using evenkeel::DnsOptions;
using namespace std::chrono_literals;

namespace {

std::string with(std::string_view discovery) {
  return R"({"discovery": )" + std::string(discovery) +
         R"(, "proxies": {"p": {"ports": {"80/http": {"targets": ["a:1"]}}}}})";
}

}  // namespace

TEST_CASE("where ports come from besides the spec") {
  const auto config = evenkeel::parse_config(with(R"({"files": "/etc/d"})"));
  REQUIRE(config);
  CHECK(config->discovery == DiscoverySpec{.files = "/etc/d", .dns = DnsOptions{}});
}

TEST_CASE("how names are followed") {
  const auto config = evenkeel::parse_config(
      with(R"({"dns": {"servers": ["10.0.0.53", "[FD00::53]:5353", "::1"], "timeout": "1s", "minTtl": "2s",
               "maxTtl": "3s", "prefer": "ipv6", "maxAddresses": 7}})"));
  REQUIRE(config);
  CHECK(config->discovery.dns == DnsOptions{.servers = {"10.0.0.53", "[fd00::53]:5353", "[::1]"},
                                            .timeout = 1s,
                                            .min_ttl = 2s,
                                            .max_ttl = 3s,
                                            .prefer = evenkeel::AddressFamily::ipv6,
                                            .max_addresses = 7});
}

TEST_CASE("what is wrong with how names are followed") {
  CHECK(spec::error(with(R"({"dns": {"servers": ["dns.example"]}})")) ==
        "/discovery/dns/servers/0: is \"dns.example\"; expected the address of a DNS server, such as "
        "\"10.0.0.53\" or \"[fd00::53]:5353\"");
  CHECK(spec::error(with(R"({"dns": {"minTtl": "3s", "maxTtl": "2s"}})")) ==
        "/discovery/dns: has a \"maxTtl\" that is less than its \"minTtl\"; expected as much, or more");
  CHECK(spec::error(with(R"({"dns": true})")) == "/discovery/dns: is true; expected an object, or false");
}

TEST_CASE("a service needs somebody to ask for it") {
  const auto of = [](std::string_view dns, std::string_view key) {
    return R"({"discovery": {"dns": )" + std::string(dns) + R"(}, "proxies": {"p": {"ports": {")" +
           std::string(key) + R"(": {"targets": ["srv+tcp://_db._tcp.example"]}}}}})";
  };
  CHECK(evenkeel::parse_config(of("{}", "1/tcp")));
  CHECK(spec::error(of("false", "1/tcp")) ==
        "/proxies: name the service srv+tcp://_db._tcp.example, and /discovery/dns is false; expected no "
        "services, "
        "or DNS to ask for them");
  CHECK(spec::error(of("{}", "1-2/tcp")) ==
        "/proxies/p/ports/1-2~1tcp/targets/0: is a service behind a range of ports; expected a host and "
        "port, or "
        "ports");
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
