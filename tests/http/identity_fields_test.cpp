#include "http/identity_fields.hpp"

#include <algorithm>
#include <string>

#include <catch2/catch.hpp>

using namespace evenkeel;
using namespace evenkeel::http;

namespace {

constexpr IdentityHeaders both = IdentityHeaders::tailscale | IdentityHeaders::tsdproxy;

Identity alice() {
  Identity who;
  who.id = "userid:123";
  who.login = "alice@example.com";
  who.name = "Alice M\xC3\xBCller";
  who.picture = "https://example.com/a.png";
  who.node = "laptop.tail1234.ts.net";
  return who;
}

}  // namespace

TEST_CASE("the fields of tailscale serve") {
  const Identity who = alice();
  CHECK(identity_fields(&who, IdentityHeaders::tailscale) ==
        "Tailscale-User-Login: alice@example.com\r\n"
        "Tailscale-User-Name: =?utf-8?q?Alice_M=C3=BCller?=\r\n"
        "Tailscale-User-Profile-Pic: https://example.com/a.png\r\n"
        "Tailscale-Headers-Info: https://tailscale.com/s/serve-headers\r\n");
}

TEST_CASE("the fields of TSDProxy, in plain UTF-8") {
  const Identity who = alice();
  CHECK(identity_fields(&who, IdentityHeaders::tsdproxy) ==
        "x-tsdproxy-id: userid:123\r\n"
        "x-tsdproxy-username: alice@example.com\r\n"
        "x-tsdproxy-displayname: Alice M\xC3\xBCller\r\n"
        "x-tsdproxy-profilepicurl: https://example.com/a.png\r\n"
        "Remote-User: alice@example.com\r\n"
        "X-Forwarded-User: alice@example.com\r\n"
        "X-Auth-Request-User: alice@example.com\r\n"
        "X-Forwarded-Email: alice@example.com\r\n"
        "X-Auth-Request-Email: alice@example.com\r\n"
        "X-Forwarded-Preferred-Username: Alice M\xC3\xBCller\r\n");
  CHECK(identity_fields(&who, both) ==
        identity_fields(&who, IdentityHeaders::tailscale) + identity_fields(&who, IdentityHeaders::tsdproxy));
}

TEST_CASE("nobody, a tagged node, and no headers asked for: no fields") {
  const Identity who = alice();
  CHECK(identity_fields(&who, IdentityHeaders::none).empty());
  CHECK(identity_fields(nullptr, both).empty());
  Identity server = alice();
  server.tags = {"tag:web"};
  CHECK(identity_fields(&server, both).empty());
}

TEST_CASE("no value ends its line, whatever the tailnet says") {
  for (const std::string& evil : {std::string("a\r\nX-Admin: 1"), std::string("a\nb"), std::string("a\rb"),
                                  std::string("a\0b", 3), std::string("a\x7f"), std::string("a\x01")}) {
    Identity who;
    who.id = who.login = who.name = who.picture = evil;
    const std::string fields = identity_fields(&who, both);
    CHECK(std::ranges::count(fields, '\n') == 14);  // 4 and 10 lines, as ever
    CHECK(std::ranges::count(fields, '\r') == 14);
    CHECK_FALSE(fields.contains('\0'));
    CHECK_FALSE(fields.contains("\nX-Admin"));
    CHECK(fields.contains("Remote-User: \r\n"));
    CHECK(fields.contains("Tailscale-User-Profile-Pic: \r\n"));
    CHECK(fields.contains("Tailscale-User-Login: =?utf-8?q?a="));  // encoded
  }
  Identity broken;
  broken.login = "\xFF";
  CHECK(identity_fields(&broken, both).contains("Tailscale-User-Login: \r\n"));
  CHECK(identity_fields(&broken, both).contains("Remote-User: \r\n"));
}

TEST_CASE("white space around a value goes, as in Go's writer") {
  Identity who;
  who.name = " \t x y \t";
  CHECK(identity_fields(&who, IdentityHeaders::tailscale).contains("Tailscale-User-Name: x y\r\n"));
}

TEST_CASE("a client's own fields of these names are not let through") {
  for (const std::string_view name :
       {"Tailscale-User-Login", "tailscale-user-name", "TAILSCALE-USER-PROFILE-PIC", "Tailscale-Headers-Info",
        "Tailscale-Funnel-Request", "Tailscale-App-Capabilities", "Forwarded", "Tailscale_User_Login",
        "tailscale-user_login", "TAILSCALE_APP_CAPABILITIES"}) {
    INFO(name);
    CHECK(is_identity_field(name));
  }
  for (const std::string_view name :
       {"Remote-User", "remote_user", "X-TSDProxy-Id", "x-tsdproxy-username", "x_tsdproxy_displayname",
        "x-tsdproxy-profilepicurl", "X-TSDPROXY-AUTH-TOKEN", "X-Forwarded-User", "X_Forwarded_User",
        "X-Forwarded-Email", "X-Forwarded-Preferred-Username", "X-Auth-Request-User",
        "X-Auth-Request-Email"}) {
    INFO(name);
    CHECK(is_identity_field(name));
  }
  for (const std::string_view name :
       {"", "-", "Host", "Cookie", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Tailscale",
        "Tailscale-User-Login-", "Tailscale-User-Logi", "Tailscale User-Login", "Remote-Users", "Referer"}) {
    INFO(name);
    CHECK_FALSE(is_identity_field(name));
  }
}

TEST_CASE("every field that is set is one that a client's is not let through") {
  const Identity who = alice();
  std::string fields = identity_fields(&who, both);
  int seen = 0;
  for (std::size_t at = 0; at < fields.size(); at = fields.find('\n', at) + 1, ++seen) {
    CHECK(is_identity_field(fields.substr(at, fields.find(':', at) - at)));
  }
  CHECK(seen == 14);
}

TEST_CASE("of a client of Funnel only that is told") {
  CHECK(funnel_fields(both) == "Tailscale-Funnel-Request: ?1\r\n");
  CHECK(funnel_fields(IdentityHeaders::tsdproxy).empty());
  CHECK(is_identity_field("tailscale-funnel-request"));
}
