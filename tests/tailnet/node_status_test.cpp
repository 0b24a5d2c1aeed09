#include "tailnet/node_status.hpp"

#include <catch2/catch.hpp>

using namespace evenkeel::tailnet;

TEST_CASE("the status of a node that is up") {
  const auto status = read_status(R"({
	"Version": "1.102.5-t1", "TUN": true, "BackendState": "Running", "HaveNodeKey": true, "AuthURL": "",
	"TailscaleIPs": ["100.64.0.1", "fd7a:115c:a1e0::1"],
	"Self": {"ID": "n1", "HostName": "web", "DNSName": "web.tail1234.ts.net.", "Tags": ["tag:web"],
		"TailscaleIPs": ["100.64.0.1", "fd7a:115c:a1e0::1"], "Online": true, "CapMap": {"https": null}},
	"Health": ["not quite well"], "MagicDNSSuffix": "tail1234.ts.net",
	"CurrentTailnet": {"Name": "example.com", "MagicDNSSuffix": "tail1234.ts.net", "MagicDNSEnabled": true},
	"CertDomains": ["web.tail1234.ts.net"], "Peer": null, "User": null, "ClientVersion": null
})");
  REQUIRE(status);
  CHECK(status->state == BackendState::running);
  CHECK(status->version == "1.102.5-t1");
  CHECK(status->tun);
  CHECK(status->online);
  CHECK(status->auth_url.empty());
  CHECK(status->addresses == std::vector<std::string>{"100.64.0.1", "fd7a:115c:a1e0::1"});
  CHECK(status->dns_name == "web.tail1234.ts.net");
  CHECK(status->magic_dns_suffix == "tail1234.ts.net");
  CHECK(status->cert_domains == std::vector<std::string>{"web.tail1234.ts.net"});
  CHECK(status->tags == std::vector<std::string>{"tag:web"});
  CHECK(status->health == std::vector<std::string>{"not quite well"});
}

TEST_CASE("the status of a node that has to log in") {
  const auto status = read_status(R"({"Version":"1","TUN":false,"BackendState":"NeedsLogin",
      "AuthURL":"https://login.example.com/a/1","TailscaleIPs":null,"Self":{"DNSName":"","TailscaleIPs":null},
      "Health":null,"CurrentTailnet":null,"CertDomains":null})");
  REQUIRE(status);
  CHECK(status->state == BackendState::needs_login);
  CHECK(status->auth_url == "https://login.example.com/a/1");
  CHECK_FALSE(status->tun);
  CHECK_FALSE(status->online);
  CHECK(status->addresses.empty());
  CHECK(status->cert_domains.empty());
}

TEST_CASE("what is no status") {
  for (const std::string_view text : {"", "{", "null", "[]", "{}", R"({"BackendState":6})",
                                      R"({"BackendState":"Sleeping"})", R"("Running")"}) {
    INFO(text);
    CHECK_FALSE(read_status(text));
  }
}

TEST_CASE("states by their names") {
  CHECK(to_string(BackendState::no_state) == "NoState");
  CHECK(to_string(BackendState::needs_machine_auth) == "NeedsMachineAuth");
  CHECK(to_string(BackendState::running) == "Running");
}

TEST_CASE("lines of the bus") {
  const auto first = read_bus_line(
      R"({"Version":"1.102.5","SessionID":"x","State":6,"Prefs":null,"NetMap":null,"Engine":null})");
  REQUIRE(first);
  CHECK(first->state == BackendState::running);
  CHECK_FALSE(first->node_changed);
  CHECK_FALSE(first->prefs_changed);

  const auto login = read_bus_line(R"({"State":2,"BrowseToURL":"https://login.example.com/a/1"})");
  REQUIRE(login);
  CHECK(login->state == BackendState::needs_login);
  CHECK(login->auth_url == "https://login.example.com/a/1");

  const auto changed = read_bus_line(R"({"SelfChange":{"ID":1},"Prefs":{"WantRunning":true}})");
  REQUIRE(changed);
  CHECK_FALSE(changed->state);
  CHECK(changed->node_changed);
  CHECK(changed->prefs_changed);

  const auto error = read_bus_line(R"({"ErrMessage":"no"})");
  REQUIRE(error);
  CHECK(error->error == "no");

  for (const std::string_view text : {"", "{", "null", "7", R"({"State":7})", R"({"State":-1})",
                                      R"({"State":"Running"})", R"({"State":1e0})"}) {
    INFO(text);
    CHECK_FALSE(read_bus_line(text));
  }
}
