#include "evenkeel/target.hpp"

#include <catch2/catch.hpp>

#include "base/target_url.hpp"

using evenkeel::AdminState;
using evenkeel::ErrorCode;
using evenkeel::Fault;
using evenkeel::Health;
using evenkeel::Scheme;
using evenkeel::Target;

namespace {

std::string id_of(std::string_view url, Scheme fallback = Scheme::http) {
  const auto target = Target::parse(url, fallback);
  return target ? target->id() : "refused";
}

std::string authority_of(std::string_view url) {
  const auto target = Target::parse(url);
  return target ? target->authority() : "refused";
}

std::string_view reason_of(std::string_view url) {
  const auto target = evenkeel::base::read_target_url(url, Scheme::http);
  return target ? "accepted" : target.error();
}

}  // namespace

TEST_CASE("a target URL says scheme, host and port, nothing else") {
  const auto target = Target::parse("http://db1:5432");
  REQUIRE(target);
  CHECK(target->scheme == Scheme::http);
  CHECK(target->host == "db1");
  CHECK(target->port == 5432);
  CHECK(target->unix_path.empty());
  CHECK(target->weight == 1);
  CHECK(target->tier == 0);
  CHECK(target->admin == AdminState::enabled);
}

TEST_CASE("http and https have default ports, tcp and udp do not") {
  CHECK(id_of("http://a") == "http://a:80");
  CHECK(id_of("https://a") == "https://a:443");
  CHECK(id_of("tcp://a:5432") == "tcp://a:5432");
  CHECK(id_of("udp://a:53") == "udp://a:53");
  CHECK(id_of("tcp://a") == "refused");
  CHECK(id_of("udp://a") == "refused");
}

TEST_CASE("a bare host and port takes the fallback scheme") {
  CHECK(id_of("container1:3000") == "http://container1:3000");
  CHECK(id_of("db1:5432", Scheme::tcp) == "tcp://db1:5432");
  CHECK(id_of("http:3000") == "http://http:3000");
  CHECK(id_of("container1") == "refused");
}

TEST_CASE("one place has one id, however it is spelled") {
  CHECK(id_of("HTTP://DB1.Example:80/") == "http://db1.example:80");
  CHECK(id_of("http://[0:0:0:0:0:0:0:1]:80") == "http://[::1]:80");
  CHECK(id_of("http://[2001:DB8::A]") == "http://[2001:db8::a]:80");
  CHECK(id_of("unix:///run/app.sock") == "unix:/run/app.sock");
}

TEST_CASE("parsing an id gives the target back") {
  for (const char* id : {"http://db1:5432", "https://a.b:443", "tcp://10.0.0.1:1", "udp://[fe80::1]:65535",
                         "unix:/run/app.sock", "http://my_service.internal.:80", "udp://db1:7000-7099",
                         "tcp://[::1]:1-1000"}) {
    CHECK(id_of(id) == id);
  }
}

TEST_CASE("tcp and udp targets can be a range of ports") {
  const auto range = Target::parse("udp://db1:7000-7099");
  REQUIRE(range);
  CHECK(range->scheme == Scheme::udp);
  CHECK(range->host == "db1");
  CHECK(range->port == 7000);
  CHECK(range->port_count == 100);
  const auto v6 = Target::parse("[::1]:65000-65535", Scheme::tcp);
  REQUIRE(v6);
  CHECK(v6->host == "::1");
  CHECK(v6->port == 65000);
  CHECK(v6->port_count == 536);
  CHECK(Target::parse("tcp://db1:7000").value().port_count == 1);
  CHECK(id_of("tcp://my-host:1-2") == "tcp://my-host:1-2");
  CHECK(id_of("tcp://a-b") == "refused");  // a dash in a name is none in a port
}

TEST_CASE("a range of ports ascends, and has at most a thousand") {
  CHECK(reason_of("tcp://a:1-1000") == "accepted");
  CHECK(reason_of("tcp://a:1-1001") == "has a range of more than 1000 ports");
  CHECK(reason_of("tcp://a:1-65535") == "has a range of more than 1000 ports");
  CHECK(reason_of("udp://a:7001-7000") == "has a range of ports that does not ascend");
  CHECK(reason_of("udp://a:7000-7000") == "has a range of ports that does not ascend");
  for (const char* ports : {"7000-", "-7000", "-", "7000-7001-7002", "7000--7001", "0-9", "7000-65536", "a-b",
                            "7000-b", "7000 - 7001"}) {
    CAPTURE(ports);
    CHECK(reason_of("udp://a:" + std::string(ports)) == "has a port that is not a number from 1 to 65535");
  }
  CHECK(reason_of("a:80-90") == "has a range of ports, which only tcp and udp targets can have");
  CHECK(reason_of("https://a:80-90") == "has a range of ports, which only tcp and udp targets can have");
  CHECK(reason_of("tcp://[::1-2]") == "is not an IPv6 address");
}

TEST_CASE("a Unix socket is named by its absolute path") {
  const auto target = Target::parse("unix:/run/app.sock", Scheme::tcp);
  REQUIRE(target);
  CHECK(target->scheme == Scheme::tcp);
  CHECK(target->unix_path == "/run/app.sock");
  CHECK(target->host.empty());
  CHECK(target->port == 0);

  CHECK(reason_of("unix:app.sock") == "has a socket path that does not start with \"/\"");
  CHECK(reason_of("unix:") == "has a socket path that does not start with \"/\"");
  CHECK(reason_of("unix://run/app.sock") == "has a host before its socket path");
  CHECK(reason_of("unix:/run/") == "has a socket path that is a directory");
  CHECK(reason_of("unix:/run/\n") == "has a control character in its socket path");
  CHECK(id_of("unix:/" + std::string(106, 'a')) != "refused");
  CHECK(id_of("unix:/" + std::string(107, 'a')) == "refused");
}

TEST_CASE("the authority is what a client would put into Host") {
  CHECK(authority_of("http://db1:3000") == "db1:3000");
  CHECK(authority_of("http://db1:80") == "db1");
  CHECK(authority_of("https://db1:443") == "db1");
  CHECK(authority_of("https://db1:80") == "db1:80");
  CHECK(authority_of("http://[::1]:80") == "[::1]");
  CHECK(authority_of("http://[::1]:81") == "[::1]:81");
  CHECK(authority_of("unix:/run/app.sock") == "localhost");
}

TEST_CASE("a resource is not a place") {
  CHECK(reason_of("http://a:1/path") == "has a path");
  CHECK(reason_of("http://a:1//") == "has a path");
  CHECK(reason_of("http://a:1?q") == "has a query");
  CHECK(reason_of("http://a:1#f") == "has a fragment");
  CHECK(reason_of("http://me:secret@a:1") == "has user information");
}

TEST_CASE("what cannot be connected to is refused") {
  CHECK(reason_of("") == "has no host");
  CHECK(reason_of("http://") == "has no host");
  CHECK(reason_of("http://:80") == "has no host");
  CHECK(reason_of("ftp://a:21") == "has an unknown scheme");
  CHECK(reason_of("://a:21") == "has an unknown scheme");
  CHECK(reason_of("http://a:") == "has a port that is not a number from 1 to 65535");
  CHECK(reason_of("http://a:0") == "has a port that is not a number from 1 to 65535");
  CHECK(reason_of("http://a:65536") == "has a port that is not a number from 1 to 65535");
  CHECK(reason_of("http://a:+1") == "has a port that is not a number from 1 to 65535");
  CHECK(reason_of("http://a:1x") == "has a port that is not a number from 1 to 65535");
  CHECK(reason_of("http://::1:80") == "has no host");
  CHECK(reason_of("http://fe80::1") == "has an IPv6 address without brackets, or two ports");
  CHECK(reason_of("http://[::1") == "has a \"[\" without its \"]\"");
  CHECK(reason_of("http://[::1]80") == "has more after the \"]\" than a port");
  CHECK(reason_of("http://[fe80::1%eth0]:80") == "is not an IPv6 address");
  CHECK(reason_of(std::string_view("http://[::1\0x]:80", 17)) == "is not an IPv6 address");
  CHECK(reason_of("http://[db1]:80") == "is not an IPv6 address");
}

TEST_CASE("a host is a name or an IP address") {
  for (const char* host :
       {"a b", "a..b", ".a", ".", "-a", "a-", "a,b", "a%20b", "caf\xc3\xa9", "a\r\nb", "a\\b"}) {
    CAPTURE(host);
    CHECK(id_of("http://" + std::string(host) + ":80") == "refused");
  }
  CHECK(id_of("http://" + std::string(63, 'a') + ":80") != "refused");
  CHECK(id_of("http://" + std::string(64, 'a') + ":80") == "refused");

  std::string long_name;
  for (int i = 0; i < 127; ++i) long_name += "a.";
  CHECK(reason_of("http://" + long_name + ":80") == "has a host that is longer than 253 characters");
}

TEST_CASE("an IPv4 address has its four plain numbers") {
  CHECK(id_of("http://127.0.0.1:80") == "http://127.0.0.1:80");
  for (const char* host : {"127.1", "256.0.0.1", "1.2.3.4.5", "010.0.0.1", "2130706433"}) {
    CAPTURE(host);
    CHECK(reason_of("http://" + std::string(host) + ":80") == "has a host that is not an IPv4 address");
  }
}

TEST_CASE("a refused target is an invalid URL, and nobody's traffic is to blame") {
  const auto target = Target::parse("http://a/b");
  REQUIRE_FALSE(target);
  CHECK(target.error() == evenkeel::Error{ErrorCode::invalid_url, Fault::us, false, 0});
}

TEST_CASE("scheme, state and health have stable names") {
  CHECK(to_string(Scheme::http) == "http");
  CHECK(to_string(Scheme::https) == "https");
  CHECK(to_string(Scheme::tcp) == "tcp");
  CHECK(to_string(Scheme::udp) == "udp");
  CHECK(to_string(AdminState::enabled) == "enabled");
  CHECK(to_string(AdminState::draining) == "draining");
  CHECK(to_string(AdminState::disabled) == "disabled");
  CHECK(to_string(Health::unknown) == "unknown");
  CHECK(to_string(Health::up) == "up");
  CHECK(to_string(Health::down) == "down");
  CHECK(to_string(Health::ejected) == "ejected");
}

TEST_CASE("a service is a name that SRV records tell the places of") {
  const auto service = Target::parse("srv+https://_web._tcp.Example");
  REQUIRE(service);
  CHECK(service->is_service);
  CHECK(service->scheme == Scheme::https);
  CHECK(service->port == 0);
  CHECK(service->id() == "srv+https://_web._tcp.example");
  CHECK(id_of(service->id()) == service->id());
  CHECK(reason_of("srv+http://_web._tcp.example:80") == "has a port, which SRV records tell");
  CHECK(reason_of("srv+http://10.0.0.1") == "has an address instead of the name of a service");
  CHECK(reason_of("srv+http://_web._tcp.example/x") == "has more than the name of a service");
  CHECK(reason_of("srv+gopher://_web._tcp.example") == "has an unknown scheme");
  CHECK(reason_of("srv+http://") == "has no host");
}

TEST_CASE("an address that was found by a name is called by that") {
  Target target = *Target::parse("http://10.0.0.1:8080");
  target.name = "web.example";
  CHECK(target.authority() == "web.example:8080");
  CHECK(target.id() == "http://10.0.0.1:8080");
}
