#include "base/cidr.hpp"

#include <arpa/inet.h>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using evenkeel::base::Cidr;
using evenkeel::base::read_cidr;

namespace {

std::vector<std::uint8_t> ip(const std::string& text) {
  std::vector<std::uint8_t> bytes(text.contains(':') ? 16 : 4);
  REQUIRE(inet_pton(bytes.size() == 4 ? AF_INET : AF_INET6, text.c_str(), bytes.data()) == 1);
  return bytes;
}

Cidr range(std::string_view text) {
  CAPTURE(text);
  const auto read = read_cidr(text);
  REQUIRE(read);
  return *read;
}

std::string_view reason_of(std::string_view text) {
  const auto read = read_cidr(text);
  return read ? "accepted" : read.error();
}

}  // namespace

TEST_CASE("a range contains what shares its prefix") {
  struct Row {
    const char* range;
    const char* inside;
    const char* outside;
  };
  for (const Row& row : std::vector<Row>{
           {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
           {"10.0.0.0/8", "10.0.0.0", "9.255.255.255"},
           {"172.16.0.0/12", "172.31.255.255", "172.32.0.0"},
           {"192.0.2.0/31", "192.0.2.1", "192.0.2.2"},
           {"192.0.2.1", "192.0.2.1", "192.0.2.0"},
           {"192.0.2.1/32", "192.0.2.1", "192.0.2.3"},
           {"128.0.0.0/1", "255.0.0.1", "127.255.255.255"},
           {"0.0.0.0/0", "255.255.255.255", "::"},
           {"::1", "::1", "::"},
           {"fd00::/8", "fdff:ffff::1", "fe00::"},
           {"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
           {"2001:db8::4/127", "2001:db8::5", "2001:db8::6"},
           {"::/0", "ffff::", "0.0.0.0"},
       }) {
    CAPTURE(row.range, row.inside, row.outside);
    CHECK(range(row.range).contains(ip(row.inside)));
    CHECK_FALSE(range(row.range).contains(ip(row.outside)));
  }
}

TEST_CASE("every prefix length splits at its own bit") {
  for (const std::size_t size : {4, 16}) {
    const std::vector<std::uint8_t> address(size, 0xff);
    for (std::size_t prefix = 0; prefix <= size * 8; ++prefix) {
      Cidr cidr;
      cidr.size = static_cast<std::uint8_t>(size);
      cidr.prefix = static_cast<std::uint8_t>(prefix);
      for (std::size_t bit = 0; bit < prefix; ++bit)
        cidr.bytes[bit / 8] |= static_cast<std::uint8_t>(0x80 >> bit % 8);
      for (std::size_t bit = 0; bit < size * 8; ++bit) {
        std::vector<std::uint8_t> other = address;
        other[bit / 8] ^= static_cast<std::uint8_t>(0x80 >> bit % 8);
        CAPTURE(size, prefix, bit);
        CHECK(cidr.contains(other) == (bit >= prefix));
      }
    }
  }
}

TEST_CASE("an IPv4-mapped IPv6 address counts as IPv4, in ranges too") {
  CHECK(range("10.0.0.0/8").contains(ip("::ffff:10.1.2.3")));
  CHECK_FALSE(range("10.0.0.0/8").contains(ip("::ffff:11.1.2.3")));
  CHECK_FALSE(range("::/0").contains(ip("::ffff:10.1.2.3")));
  CHECK(range("0.0.0.0/0").contains(ip("::ffff:10.1.2.3")));
  CHECK(range("::ffff:10.0.0.0/104") == range("10.0.0.0/8"));
  CHECK(range("::ffff:192.0.2.1") == range("192.0.2.1"));
  CHECK(range("::ffff:0:0/96") == range("0.0.0.0/0"));
  // The IPv4-compatible form, ::a.b.c.d, is IPv6 and nothing else.
  CHECK_FALSE(range("10.0.0.0/8").contains(ip("::10.1.2.3")));
}

TEST_CASE("one range has one value, however it is spelled") {
  CHECK(range("192.0.2.1") == range("192.0.2.1/32"));
  CHECK(range("0:0:0:0:0:0:0:1") == range("::1/128"));
  CHECK(range("FD00::/8") == range("fd00::/8"));
  CHECK_FALSE(range("0.0.0.0/0") == range("::/0"));
}

TEST_CASE("bits behind the prefix are a mistake") {
  for (const char* text :
       {"10.0.0.1/8", "192.0.2.1/31", "1.0.0.0/0", "fd00::1/8", "::1/127", "2001:db8:4000::/33",
        "::ffff:10.0.0.1/104", "::ffff:0:0/95", "::ffff:10.0.0.0/0"}) {
    CAPTURE(text);
    CHECK(reason_of(text) == "has bits set behind its prefix");
  }
}

TEST_CASE("a prefix length is a plain number that fits its family") {
  for (const char* prefix :
       {"", "33", "08", "00", "+8", "-1", " 8", "8 ", "8/8", "256", "264", "0x8", "255.0.0.0"}) {
    CAPTURE(prefix);
    CHECK(reason_of("0.0.0.0/" + std::string(prefix)) ==
          "has a prefix length that is not a number from 0 to 32");
  }
  CHECK(reason_of("::/129") == "has a prefix length that is not a number from 0 to 128");
  CHECK(reason_of("::/") == "has a prefix length that is not a number from 0 to 128");
}

TEST_CASE("what is not an address is not a range") {
  for (const char* text : {"", "/8", "10/8", "10.0/16", "10.0.0.0.0/8", "010.0.0.0/8", "256.0.0.0",
                           " 10.0.0.0/8", "10.0.0.0 /8", "[::1]", "[fd00::]/8", "fe80::%eth0/10", "localhost",
                           "10.0.0.*", "::1::", "0000:0000:0000:0000:0000:ffff:255.255.255.2555"}) {
    CAPTURE(text);
    CHECK(reason_of(text) == "is not an IP address or a range of them");
  }
  CHECK(reason_of(std::string_view("10.0.0.1\0.x", 11)) == "is not an IP address or a range of them");
}

TEST_CASE("a list contains what one of its ranges contains") {
  const std::vector<Cidr> list = {range("10.0.0.0/8"), range("fd00::/8"), range("192.0.2.1")};
  using evenkeel::base::contains;
  CHECK(contains(list, ip("10.9.9.9")));
  CHECK(contains(list, ip("fd01::1")));
  CHECK(contains(list, ip("192.0.2.1")));
  CHECK_FALSE(contains(list, ip("192.0.2.2")));
  CHECK_FALSE(contains(list, ip("::")));
  CHECK_FALSE(contains({}, ip("10.9.9.9")));
  CHECK_FALSE(contains(list, {}));
}
