#include "net/cidr.hpp"

#include <vector>

#include <catch2/catch.hpp>

using namespace evenkeel;
using evenkeel::net::contains;

namespace {

std::vector<base::Cidr> ranges(std::initializer_list<std::string_view> texts) {
  std::vector<base::Cidr> list;
  for (const std::string_view text : texts) list.push_back(base::read_cidr(text).value());
  return list;
}

net::SocketAddress address(std::string_view ip) {
  return net::ip_address(ip, 1).value();
}

}  // namespace

TEST_CASE("a socket's address is in a range by its IP, whatever its port") {
  const auto list = ranges({"127.0.0.0/8", "::1"});
  CHECK(contains(list, address("127.1.2.3")));
  CHECK(contains(list, address("::ffff:127.0.0.1")));
  CHECK(contains(list, address("::1")));
  CHECK_FALSE(contains(list, address("128.0.0.1")));
  CHECK_FALSE(contains(list, address("::2")));
}

TEST_CASE("what has no IP is in no range") {
  const auto everything = ranges({"0.0.0.0/0", "::/0"});
  CHECK(contains(everything, address("::")));
  CHECK_FALSE(contains(everything, net::unix_address("/run/app.sock").value()));
  CHECK_FALSE(contains(everything, net::SocketAddress{}));
}
