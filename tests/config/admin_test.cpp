#include <string>

#include <catch2/catch.hpp>

#include "spec.hpp"

using evenkeel::AdminSpec;

namespace {

std::string with_admin(std::string_view value) {
  return R"({"admin": )" + std::string(value) +
         R"(, "proxies": {"p": {"ports": {"80/http": {"targets": ["a:1"]}}}}})";
}

AdminSpec read(std::string_view value) {
  const auto config = evenkeel::parse_config(with_admin(value));
  REQUIRE(config);
  return config->admin;
}

}  // namespace

TEST_CASE("the admin endpoint is on, on the usual socket, unless somebody says otherwise") {
  CHECK(
      evenkeel::parse_config(R"({"proxies": {"p": {"ports": {"80/http": {"targets": ["a:1"]}}}}})")->admin ==
      AdminSpec{});
  CHECK_FALSE(read("false").on);
  CHECK(read("{}") == AdminSpec{});
  CHECK(read(R"({"socket": false})").socket == "");
  CHECK(read(R"({"socket": "/run/a.sock"})").socket == "/run/a.sock");
}

TEST_CASE("over TCP it is on loopback, and with a token") {
  const AdminSpec admin = read(R"({"listen": "[::1]:9901", "token": "file:/etc/token"})");
  CHECK(admin.listen == "::1");
  CHECK(admin.port == 9901);
  CHECK(admin.token == "file:/etc/token");
  const std::string form = "a loopback address and a port, such as \"127.0.0.1:9901\" or \"[::1]:9901\"";
  for (const std::string_view wrong :
       {"0.0.0.0:1", "10.0.0.1:9901", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", ":9901"}) {
    CAPTURE(wrong);
    CHECK(spec::error(with_admin(R"({"token": "env:T", "listen": ")" + std::string(wrong) + "\"}")) ==
          "/admin/listen: is \"" + std::string(wrong) + "\"; expected " + form);
  }
  CHECK(spec::error(with_admin(R"({"listen": "127.0.0.1:9901"})")) ==
        "/admin: has a \"listen\" without a \"token\": every local process could give orders; expected "
        "\"token\": \"file:PATH\" or \"env:NAME\"");
  CHECK(spec::error(with_admin(R"({"token": "env:T"})")) ==
        "/admin/token: has no meaning without \"listen\": the socket asks for none; expected that, or no "
        "\"token\"");
}

TEST_CASE("a token itself has no place in a spec, and is not repeated") {
  const std::string error = spec::error(with_admin(R"({"listen": "127.0.0.1:9901", "token": "s3cret"})"));
  CHECK(error ==
        "/admin/token: is not where a token is; a token itself has no place in a spec; expected where the "
        "token is: \"file:PATH\" or \"env:NAME\"");
}

TEST_CASE("a socket is an absolute path that fits") {
  const std::string form = "an absolute path of at most 100 bytes, such as \"/run/evenkeel.sock\", or false";
  CHECK(spec::error(with_admin(R"({"socket": "a.sock"})")) ==
        "/admin/socket: is \"a.sock\"; expected " + form);
  CHECK(spec::error(with_admin(R"({"socket": 3})")) == "/admin/socket: is a number; expected " + form);
  CHECK(spec::error(with_admin("true")) ==
        "/admin: is true; expected an object with \"socket\", \"listen\" or \"token\", or false");
}
