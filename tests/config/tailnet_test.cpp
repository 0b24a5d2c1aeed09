#include <string>

#include <catch2/catch.hpp>

#include "spec.hpp"

using Catch::Matchers::StartsWith;
using evenkeel::IdentityHeaders;
using evenkeel::PortSpec;
using evenkeel::TailnetMode;
using evenkeel::TailnetSpec;

namespace {

// An https port without certificates, whose tailnet says `members`.
std::string tailnet(std::string_view members) {
  return spec::port_at("443/https", R"("tailnet": {)" + std::string(members) + "}");
}
std::string host(std::string_view more = "") {
  return tailnet(R"("mode": "host")" + std::string(more.empty() ? "" : ", ") + std::string(more));
}
std::string node(std::string_view more = "") {
  return tailnet(R"("mode": "node", "ephemeral": true)" + std::string(more.empty() ? "" : ", ") +
                 std::string(more));
}

}  // namespace

TEST_CASE("nothing is on a tailnet unless it says so") {
  const PortSpec port = spec::only_port(spec::port(""));
  CHECK(port.tailnet == TailnetSpec{});
  CHECK(port.identity_headers == IdentityHeaders::none);
  CHECK(port.allow.empty());
  CHECK(spec::only_port(spec::levels(R"("tailnet": {"mode": "host"})", R"("tailnet": false)", ""))
            .tailnet.mode == TailnetMode::off);
}

TEST_CASE("host mode: an https port needs no certificate, and tells targets of users") {
  const PortSpec port = spec::only_port(host(R"("socket": "/run/ts.sock", "service": "svc:web")"));
  CHECK(port.tailnet ==
        TailnetSpec{.mode = TailnetMode::host, .socket = "/run/ts.sock", .service = "svc:web"});
  CHECK(port.identity_headers == IdentityHeaders::tailscale);
  CHECK(port.tls.certificates.empty());
}

TEST_CASE("node mode: every key reaches its place") {
  const PortSpec port = spec::only_port(tailnet(
      R"("mode": "node", "hostname": "MyApp", "authKey": "env:TS_KEY", "stateDir": "/var/lib/x",
         "controlUrl": "https://head.example", "tags": ["tag:web", "tag:b"], "funnel": true)"));
  CHECK(port.tailnet == TailnetSpec{.mode = TailnetMode::node,
                                    .hostname = "myapp",
                                    .auth_key = "env:TS_KEY",
                                    .state_dir = "/var/lib/x/myapp",
                                    .control_url = "https://head.example",
                                    .tags = {"tag:web", "tag:b"},
                                    .funnel = true});
}

TEST_CASE("a node has the proxy's name, where that can be one") {
  CHECK(spec::only_port(node()).tailnet.hostname == "p");
  const auto named = [](std::string_view name) {
    return R"({"proxies": {")" + std::string(name) + R"(": {"ports": {"80/http": {"targets": ["a:1"],
        "tailnet": {"mode": "node", "ephemeral": true}}}}}})";
  };
  CHECK(spec::only_port(named("My-App")).tailnet.hostname == "my-app");
  CHECK(spec::error(named("my_app")) ==
        "/proxies/my_app/ports/80~1http: has no \"hostname\" for its node, and the proxy's name \"my_app\" "
        "cannot be "
        "one; expected a \"hostname\" in \"tailnet\": 1 to 63 letters, digits or \"-\", such as \"myapp\"");
}

TEST_CASE("a tailnet has a mode, from any level") {
  CHECK(spec::error(tailnet(R"("service": "svc:web")")) ==
        "/tailnet: has a \"tailnet\" without a mode; expected \"mode\": \"host\" or \"node\"");
  CHECK_THAT(spec::error(tailnet(R"("mode": "hots")")),
             StartsWith("/tailnet/mode: unknown mode \"hots\" (did you"));
  CHECK(spec::error(spec::port(R"("tailnet": true)")) == "/tailnet: is true; expected an object, or false");
  CHECK(spec::only_port(spec::levels(R"("tailnet": {"socket": "/a"})", R"("tailnet": {"mode": "host"})",
                                     R"("tailnet": {"service": "svc:a"})"))
            .tailnet == TailnetSpec{.mode = TailnetMode::host, .socket = "/a", .service = "svc:a"});
}

TEST_CASE("keys of the other mode are errors where they are said, and forgotten where they are inherited") {
  CHECK(spec::error(host(R"("hostname": "a")")) ==
        "/tailnet/hostname: has no meaning in mode \"host\"; expected no \"hostname\"");
  CHECK(spec::error(node(R"("socket": "/a")")) ==
        "/tailnet/socket: has no meaning in mode \"node\"; expected no \"socket\"");
  CHECK(
      spec::errors(host(R"("authKey": "env:A", "stateDir": "/a", "ephemeral": true, "controlUrl": "http://a",
                            "tags": [], "funnel": true)"))
          .size() == 6);
  CHECK(spec::only_port(spec::levels(R"("tailnet": {"mode": "node", "authKey": "env:A", "stateDir": "/a"})",
                                     R"("tailnet": {"mode": "host"})", ""))
            .tailnet == TailnetSpec{.mode = TailnetMode::host});
}

TEST_CASE("a key itself is refused, and not repeated") {
  const std::string line = spec::error(node(R"("authKey": "tskey-auth-secret")"));
  CHECK(line ==
        "/tailnet/authKey: is not where a key is; a key itself has no place in a spec; expected where the "
        "key is: "
        "\"file:PATH\" or \"env:NAME\"");
  CHECK(spec::error(node(R"("authKey": "file:")")) ==
        "/tailnet/authKey: names nothing behind its \":\"; expected where the key is: \"file:PATH\" or "
        "\"env:NAME\"");
}

TEST_CASE("names on a tailnet are DNS labels") {
  for (const char* wrong : {"web", "svc:", "svc:-a", "svc:a.b", "svc:a_b"}) {
    CAPTURE(wrong);
    CHECK_THAT(spec::error(host(R"("service": ")" + std::string(wrong) + "\"")),
               StartsWith("/tailnet/service: is "));
  }
  for (const char* wrong : {"", "a.b", "-a", "a-", "a b"}) {
    CAPTURE(wrong);
    // The proxy's name stands in for it: one mistake.
    CHECK_THAT(spec::error(node(R"("hostname": ")" + std::string(wrong) + "\"")),
               StartsWith("/tailnet/hostname: is "));
  }
  CHECK_THAT(spec::error(node(R"("tags": ["web"])")), StartsWith("/tailnet/tags/0: is \"web\""));
  CHECK_THAT(spec::error(node(R"("controlUrl": "head.example")")), StartsWith("/tailnet/controlUrl: is "));
}

TEST_CASE("a node without a directory is an ephemeral one") {
  CHECK(spec::error(tailnet(R"("mode": "node")")) ==
        ": would be a new node of the tailnet at each start; expected a \"stateDir\" in \"tailnet\", or "
        "\"ephemeral\": "
        "true");
}

TEST_CASE("funnel is for three https ports") {
  const std::string funnel = R"("tailnet": {"mode": "node", "ephemeral": true, "funnel": true})";
  for (const char* key : {"443/https", "8443/https", "10000/https"}) {
    CAPTURE(key);
    CHECK(spec::only_port(spec::port_at(key, funnel)).tailnet.funnel);
  }
  for (const char* key : {"80/http", "444/https", "443/tcp"}) {
    CAPTURE(key);
    CHECK_THAT(spec::errors(spec::port_at(key, funnel)).at(0),
               Catch::Matchers::Contains("/tailnet/funnel: cannot be on this port"));
  }
  // Said further out, it is for those ports that can.
  CHECK_FALSE(spec::only_port(
                  spec::levels(R"("tailnet": {"mode": "node", "ephemeral": true, "funnel": true})", "", ""))
                  .tailnet.funnel);
}

TEST_CASE("services have single TCP ports") {
  const std::string service = R"("tailnet": {"mode": "host", "service": "svc:a"})";
  CHECK(spec::error(spec::udp(service)) ==
        "/tailnet/service: has no meaning in a udp port; expected no \"service\": Tailscale Services have "
        "single TCP "
        "ports");
  CHECK_THAT(spec::errors(spec::port_at("7000-7001/tcp", service)).at(0),
             Catch::Matchers::Contains("has no meaning in a range of ports"));
  CHECK(spec::only_port(spec::tcp(service)).tailnet.service == "svc:a");
}

TEST_CASE("the addresses are the node's: nothing else to listen on beside a tailnet") {
  CHECK(spec::error(spec::port(R"("listen": "::1", "tailnet": {"mode": "host"})")) ==
        "/listen: has no meaning beside \"tailnet\": the addresses are the node's; expected one of the two");
  CHECK(spec::only_port(spec::levels(R"("listen": "::1")", "", R"("tailnet": {"mode": "host"})"))
            .tailnet.mode == TailnetMode::host);
}

TEST_CASE("ports of one node collide, those of two do not") {
  const auto two = [](std::string_view one, std::string_view other) {
    return R"({"proxies": {"a": {"ports": {"80/http": {"targets": ["a:1"], )" + std::string(one) +
           R"(}}}, "b": {"ports": {"80/http": {"targets": ["a:1"], )" + std::string(other) + "}}}}}";
  };
  const std::string host = R"("tailnet": {"mode": "host"})";
  const std::string node = R"("tailnet": {"mode": "node", "ephemeral": true})";
  CHECK_THAT(
      spec::error(two(host, host)),
      StartsWith(
          "/proxies/b/ports/80~1http: listens where /proxies/a/ports/80~1http does (the tailnet addresses"));
  CHECK_THAT(spec::error(two(host, R"("listen": "0.0.0.0")")),
             StartsWith("/proxies/b/ports/80~1http: listens where"));
  CHECK_THAT(spec::error(two(R"("listen": "::")", host)),
             StartsWith("/proxies/b/ports/80~1http: listens where"));
  for (const std::string& other : {node, std::string(R"("listen": "127.0.0.1")")}) {
    CHECK(spec::errors(two(host, other)).empty());
    CHECK(spec::errors(two(node, other)).empty());
  }
  CHECK(spec::errors(two(node, R"("listen": "0.0.0.0")")).empty());
  CHECK(
      spec::errors(two(node, R"("tailnet": {"mode": "node", "ephemeral": true, "hostname": "A"})")).size() ==
      1);
}

TEST_CASE("identityHeaders are sets of names") {
  const auto headers = [](std::string_view value) {
    return spec::port(R"("tailnet": {"mode": "host"}, "identityHeaders": )" + std::string(value));
  };
  CHECK(spec::only_port(headers(R"(["tsdproxy", "tailscale"])")).identity_headers ==
        (IdentityHeaders::tailscale | IdentityHeaders::tsdproxy));
  CHECK(spec::only_port(headers("[]")).identity_headers == IdentityHeaders::none);
  CHECK_THAT(
      spec::error(headers(R"(["tailscail"])")),
      StartsWith("/identityHeaders/0: unknown set of headers \"tailscail\" (did you mean \"tailscale\"?)"));
  CHECK(spec::error(spec::port(R"("identityHeaders": ["tailscale"])")) ==
        "/identityHeaders: has no meaning without a \"tailnet\"; expected that, or no \"identityHeaders\"");
  CHECK(spec::only_port(spec::levels(R"("identityHeaders": ["tailscale"])", "", "")).identity_headers ==
        IdentityHeaders::none);
}

TEST_CASE("allow has entries of an access list") {
  const auto allow = [](std::string_view value) {
    return spec::port(R"("tailnet": {"mode": "host"}, "allow": )" + std::string(value));
  };
  CHECK(spec::only_port(allow(R"(["alice@example.com", "tag:web"])")).allow ==
        std::vector<std::string>{"alice@example.com", "tag:web"});
  CHECK_THAT(spec::error(allow(R"(["alice"])")),
             StartsWith("/allow/0: \"alice\" is none of user@example.com"));
  CHECK(spec::error(allow("[]")) ==
        "/allow: is empty, which lets nobody in; expected at least one entry, such as \"*\" for every user");
}

TEST_CASE("an allow is not lost for want of a tailnet") {
  CHECK(spec::error(spec::port(R"("allow": ["*"])")) ==
        "/allow: has an \"allow\" without a \"tailnet\", which knows who a client is; expected a "
        "\"tailnet\", or no "
        "\"allow\"");
  CHECK_THAT(spec::error(spec::levels(R"("allow": ["*"])", "", "")),
             StartsWith(": has an \"allow\" without"));
}

TEST_CASE("a tcp port keeps to an allow, a udp port cannot") {
  const std::string_view more = R"("tailnet": {"mode": "host"}, "allow": ["tag:db"])";
  CHECK(spec::only_port(spec::tcp(more)).allow == std::vector<std::string>{"tag:db"});
  // Also one that is inherited: else the port would let everybody in.
  CHECK_THAT(spec::error(R"({"tailnet": {"mode": "host"}, "allow": ["tag:db"], "proxies": {"p": {"ports": {
      "53/udp": {"targets": ["a:1"]}}}}})"),
             StartsWith(": has an \"allow\", which a udp port cannot keep to"));
}

namespace {

// Two proxies, a and b, each with a node of its own.
std::string two_nodes(std::string_view of_a, std::string_view of_b) {
  const auto proxy = [](std::string_view name, std::string_view members) {
    return "\"" + std::string(name) + R"(": {"tailnet": {"mode": "node", )" + std::string(members) +
           R"(}, "ports": {"8)" + std::string(name == "a" ? "0" : "1") +
           R"(/http": {"targets": ["http://a:1"]}}})";
  };
  return R"({"proxies": {)" + proxy("a", of_a) + ", " + proxy("b", of_b) + "}}";
}

}  // namespace

TEST_CASE("nodes have directories of their own") {
  const auto config = spec::config(
      R"({"tailnet": {"mode": "node", "stateDir": "/s/"}, "proxies": {
        "a": {"ports": {"80/http": {"targets": ["http://a:1"]}}},
        "b": {"tailnet": {"hostname": "C"}, "ports": {"80/http": {"targets": ["http://a:1"]}}}}})");
  CHECK(config.ports.at(0).tailnet.state_dir == "/s/a");
  CHECK(config.ports.at(1).tailnet.state_dir == "/s/c");

  const std::string_view here = R"("hostname": "n", "stateDir": "/s")";
  CHECK(spec::error(two_nodes(
            here, R"("hostname": "n", "stateDir": "/s/./", "controlUrl": "https://other.example")")) ==
        "/proxies/b/ports/81~1http: has the \"stateDir\" of /proxies/a/ports/80~1http, which is a node n "
        "elsewhere; "
        "expected another \"stateDir\", or the same \"controlUrl\"");
}

TEST_CASE("ports of one node say the same of it") {
  const std::string_view same = R"("hostname": "n", "ephemeral": true)";
  CHECK_THAT(
      spec::error(two_nodes(same, R"("hostname": "n", "ephemeral": true, "tags": ["tag:x"])")),
      StartsWith(
          "/proxies/b/ports/81~1http: says other things of the node n than /proxies/a/ports/80~1http"));
  CHECK(evenkeel::parse_config(
      two_nodes(same, R"("hostname": "n", "ephemeral": true, "controlUrl": "https://other.example")")));
}

TEST_CASE("what the spec says of a tailnet at its top is known to whoever adds ports") {
  const auto of = [](std::string_view members) {
    const auto config =
        evenkeel::parse_config(R"({"discovery": {"docker": true})" + std::string(members) + "}");
    REQUIRE(config);
    return config->tailnet;
  };
  CHECK(of(R"(, "tailnet": {"mode": "node", "hostname": "edge"})") ==
        TailnetSpec{.mode = TailnetMode::node, .hostname = "edge"});
  CHECK(of(R"(, "tailnet": false)") == TailnetSpec{});
  CHECK(of("") == TailnetSpec{});
}
