#include "tailnet/whois.hpp"

#include <catch2/catch.hpp>

using namespace evenkeel;
using namespace evenkeel::tailnet;

TEST_CASE("whois of a user's node") {
  // As tailscaled 1.102 writes it, shortened.
  const auto who = read_whois(R"({
	"Node": {
		"ID": 2, "StableID": "n2", "Name": "laptop.tail1234.ts.net.", "User": 123,
		"Key": "nodekey:00", "Addresses": ["100.64.0.2/32"],
		"ComputedName": "laptop", "ComputedNameWithHost": "laptop"
	},
	"UserProfile": {
		"ID": 123, "LoginName": "alice@example.com", "DisplayName": "Alice M\u00fcller",
		"ProfilePicURL": "https://example.com/a.png", "Groups": ["group:eng"]
	},
	"CapMap": {"example.com/cap/web": [{"role": "admin"}], "https://tailscale.com/cap/is-admin": null}
})");
  REQUIRE(who);
  CHECK(*who == Identity{.id = "userid:123",
                         .login = "alice@example.com",
                         .name = "Alice M\xC3\xBCller",
                         .picture = "https://example.com/a.png",
                         .node = "laptop.tail1234.ts.net",
                         .tags = {},
                         .groups = {"group:eng"},
                         .capabilities = {"example.com/cap/web", "https://tailscale.com/cap/is-admin"}});
  CHECK_FALSE(who->tagged());
}

TEST_CASE("whois of a tagged node") {
  const auto who = read_whois(R"({"Node":{"Name":"web.tail1234.ts.net.","Tags":["tag:web","tag:db"]},
      "UserProfile":{"ID":9007199254740993,"LoginName":"tagged-devices","DisplayName":"Tagged Devices"},
      "CapMap":null})");
  REQUIRE(who);
  CHECK(who->tagged());
  CHECK(who->tags == std::vector<std::string>{"tag:web", "tag:db"});
  CHECK(who->id == "userid:9007199254740993");  // not through a double
}

TEST_CASE("an answer that cannot be trusted is none") {
  for (const std::string_view text :
       {"", "no match for IP:port\n", "null", "[]", "{}", R"({"Node":{}})", R"({"UserProfile":{}})",
        R"({"Node":null,"UserProfile":{}})", R"({"Node":{},"UserProfile":{})",
        // A node that could pass for one of its user's.
        R"({"Node":{"Tags":"tag:web"},"UserProfile":{"LoginName":"a@b"}})",
        R"({"Node":{"Tags":[1]},"UserProfile":{"LoginName":"a@b"}})"}) {
    INFO(text);
    CHECK_FALSE(read_whois(text));
  }
  // Of the wrong type elsewhere: as if it were not there.
  const auto who =
      read_whois(R"({"Node":{"Name":5},"UserProfile":{"ID":"x","LoginName":null,"Groups":{}},"CapMap":[1]})");
  REQUIRE(who);
  CHECK(*who == Identity{});
}

TEST_CASE("the path of a question") {
  CHECK(whois_path("100.64.0.7", 0) == "/localapi/v0/whois?proto=tcp&addr=100.64.0.7");
  CHECK(whois_path("fd7a::7", 0) == "/localapi/v0/whois?proto=tcp&addr=fd7a%3A%3A7");
  CHECK(whois_path("100.64.0.7", 51'034) == "/localapi/v0/whois?proto=tcp&addr=100.64.0.7%3A51034");
  CHECK(whois_path("fd7a:115c:a1e0::7", 80) ==
        "/localapi/v0/whois?proto=tcp&addr=%5Bfd7a%3A115c%3Aa1e0%3A%3A7%5D%3A80");
}
