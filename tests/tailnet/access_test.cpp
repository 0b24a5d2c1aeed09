#include "evenkeel/access.hpp"

#include <algorithm>
#include <initializer_list>

#include <catch2/catch.hpp>

using namespace evenkeel;

namespace {

AccessList list(std::initializer_list<std::string_view> entries) {
  AccessList made;
  for (const std::string_view entry : entries) REQUIRE(made.add(entry));
  return made;
}

Identity user(std::string login) {
  Identity who;
  who.login = std::move(login);
  return who;
}

Identity node(std::vector<std::string> tags) {
  Identity who;
  who.login = "tagged-devices";
  who.node = "build.tail1234.ts.net";
  who.tags = std::move(tags);
  return who;
}

bool allows(const AccessList& access, const Identity& who) {
  return access.allows(&who);
}

}  // namespace

TEST_CASE("a login is matched whole, whatever its case") {
  const AccessList access = list({"Alice@Example.com"});
  CHECK(allows(access, user("alice@example.com")));
  CHECK(allows(access, user("ALICE@EXAMPLE.COM")));
  CHECK_FALSE(allows(access, user("alice@example.com.evil.org")));
  CHECK_FALSE(allows(access, user("malice@example.com")));
  CHECK_FALSE(allows(access, user("alice")));
  CHECK_FALSE(allows(access, user("")));
  CHECK_FALSE(access.allows(nullptr));
}

TEST_CASE("a domain is matched behind the last @, whole") {
  const AccessList access = list({"*@example.com"});
  CHECK(allows(access, user("alice@example.com")));
  CHECK(allows(access, user("bob@EXAMPLE.com")));
  CHECK_FALSE(allows(access, user("alice@sub.example.com")));
  CHECK_FALSE(allows(access, user("alice@badexample.com")));
  CHECK_FALSE(allows(access, user("alice@example.com@evil.org")));
  CHECK_FALSE(allows(access, user("@example.com")));
  CHECK_FALSE(allows(access, user("example.com")));
}

TEST_CASE("a star is every user and no tagged node") {
  const AccessList access = list({"*"});
  CHECK(allows(access, user("alice@example.com")));
  CHECK_FALSE(allows(access, node({"tag:web"})));
  CHECK_FALSE(allows(access, user("")));
  CHECK_FALSE(access.allows(nullptr));
}

TEST_CASE("a tagged node matches by its tags only") {
  CHECK(allows(list({"tag:web"}), node({"tag:db", "tag:web"})));
  CHECK_FALSE(allows(list({"tag:web"}), node({"tag:webs"})));
  CHECK_FALSE(allows(list({"tag:web"}), user("tag:web")));
  CHECK(allows(list({"tag:*"}), node({"tag:anything"})));
  CHECK_FALSE(allows(list({"tag:*"}), user("alice@example.com")));
  Identity of_alice = node({"tag:web"});
  of_alice.login = "alice@example.com";  // whatever stands there
  of_alice.groups = {"group:eng"};
  CHECK_FALSE(allows(list({"alice@example.com", "*@example.com", "*", "group:eng"}), of_alice));
}

TEST_CASE("a group is one that the control server told of, by either of its names") {
  Identity who = user("alice@example.com");
  CHECK_FALSE(allows(list({"group:eng"}), who));
  who.groups = {"group:eng", "ops@example.com"};
  CHECK(allows(list({"group:eng"}), who));
  CHECK(allows(list({"group:ops@example.com"}), who));
  CHECK_FALSE(allows(list({"group:en"}), who));
}

TEST_CASE("a capability is granted to users and nodes") {
  Identity who = user("alice@example.com");
  CHECK_FALSE(allows(list({"cap:example.com/cap/web"}), who));
  who.capabilities = {"example.com/cap/web"};
  CHECK(allows(list({"cap:example.com/cap/web"}), who));
  Identity server = node({"tag:ci"});
  server.capabilities = {"example.com/cap/web"};
  CHECK(allows(list({"cap:example.com/cap/web"}), server));
}

TEST_CASE("an empty list lets nobody in") {
  const AccessList access;
  CHECK(access.empty());
  CHECK_FALSE(allows(access, user("alice@example.com")));
}

TEST_CASE("what is no entry is refused") {
  AccessList access;
  for (const std::string_view entry :
       {"", "alice", "@example.com", "alice@", "*@", "*@a@b", "*@*.com", "*@exa mple.com", "a*@example.com",
        "alice@example.com ", "alice\n@example.com", "tag:", "tag:a b", "tag:w*", "group:", "cap:", "**",
        "autogroup:member"}) {
    INFO(entry);
    const auto added = access.add(entry);
    REQUIRE_FALSE(added);
    CHECK_FALSE(added.error().empty());
  }
  CHECK(access.empty());
}

TEST_CASE("a refusal says who, and why, in printable ASCII") {
  const AccessList access = list({"group:eng"});
  CHECK(access.refusal(nullptr) == "The tailnet does not know who you are.");
  Identity who = user("bob@example.com\r\nscript\xC3\xA9");
  CHECK(access.refusal(&who) ==
        "You are bob@example.com??script??, who may not use this. The tailnet's control server told none of "
        "your groups.");
  CHECK(list({"*@example.org"}).refusal(&who) == "You are bob@example.com??script??, who may not use this.");
  const Identity server = node({"tag:web", "tag:db"});
  CHECK(access.refusal(&server) ==
        "You are the node build.tail1234.ts.net with tag:web tag:db, which may not use this.");
}
