#include "net/proxy_protocol.hpp"

#include <cstring>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "base/crc32c.hpp"

using namespace evenkeel::net;
using State = ProxyHeader::State;

namespace {

// The parts of a version 2 header, so that a test can say what it changes and nothing else.
struct Block {
  int command = 0x21;
  int family = 0x11;
  std::string addresses = std::string("\xc0\x00\x02\x07\x0a\x00\x00\x01\xc0\x00\x01\xbb", 12);
  std::string tlvs = {};
};

const std::string tcp4_addresses = Block{}.addresses;
const std::string tcp6_addresses = std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16) +
                                   std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16) +
                                   std::string("\xc0\x00\x01\xbb", 4);

std::string pair(std::size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

std::string tlv(int type, const std::string& value) {
  return static_cast<char>(type) + pair(value.size()) + value;
}

std::string bytes_of(const Block& block) {
  return std::string("\r\n\r\n\0\r\nQUIT\n", 12) + static_cast<char>(block.command) +
         static_cast<char>(block.family) + pair(block.addresses.size() + block.tlvs.size()) +
         block.addresses + block.tlvs;
}

// With a TLV of the checksum, wrong by `off`, between those before and those behind it.
std::string with_checksum(Block block, const std::string& behind = {}, std::uint32_t off = 0) {
  const std::size_t at = 16 + block.addresses.size() + block.tlvs.size() + 3;
  block.tlvs += tlv(0x03, std::string(4, '\0')) + behind;
  std::string bytes = bytes_of(block);
  const std::uint32_t sum = evenkeel::base::crc32c(bytes) + off;
  bytes.replace(at, 4, pair(sum >> 16) + pair(sum & 0xffff));
  return bytes;
}

std::string text_of(const SocketAddress& address) {
  char buffer[max_ip_text];
  return std::string(ip_text(PeerIp::of(address), buffer)) + " " + std::to_string(address.port());
}

// "client > local", "unknown", "incomplete", or the reason.
std::string verdict(std::string_view bytes) {
  const ProxyHeader header = read_proxy_header(bytes);
  if (header.state == State::incomplete) return "incomplete";
  if (header.state == State::bad) return std::string(header.reason);
  if (!header.addressed) return "unknown";
  return text_of(header.client) + " > " + text_of(header.local);
}

std::string written(evenkeel::ProxyVersion version, const SocketAddress& client, const SocketAddress& local) {
  char out[max_proxy_header_written];
  return {out, write_proxy_header(version, client, local, out)};
}

SocketAddress at(std::string_view ip, std::uint16_t port) {
  return ip_address(ip, port).value();
}

struct Valid {
  std::string bytes;
  std::string verdict;
};

const std::vector<Valid>& valid_headers() {
  static const std::vector<Valid> all = {
      {"PROXY TCP4 192.0.2.7 10.0.0.1 49152 443\r\n", "192.0.2.7 49152 > 10.0.0.1 443"},
      {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
       "255.255.255.255 65535 > 255.255.255.255 65535"},
      {"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0 0 > 0.0.0.0 0"},
      {"PROXY TCP6 2001:db8::7 2001:DB8::1 49152 443\r\n", "2001:db8::7 49152 > 2001:db8::1 443"},
      {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
       "65535\r\n",
       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 > ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535"},
      {"PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 1 2\r\n", "192.0.2.7 1 > 2001:db8::1 2"},
      {"PROXY UNKNOWN\r\n", "unknown"},
      {"PROXY UNKNOWN \r\n", "unknown"},
      {"PROXY UNKNOWN any \t\x01\xff thing\r\n", "unknown"},
      {"PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", "unknown"},  // 107 bytes
      {bytes_of({}), "192.0.2.7 49152 > 10.0.0.1 443"},
      {bytes_of({.family = 0x21, .addresses = tcp6_addresses}), "2001:db8::7 49152 > 2001:db8::1 443"},
      {bytes_of({.family = 0x31, .addresses = std::string(216, 'u')}), "unknown"},
      {bytes_of({.family = 0x00, .addresses = ""}), "unknown"},
      {bytes_of({.family = 0x01, .addresses = ""}), "unknown"},
      {bytes_of({.family = 0x00, .addresses = "", .tlvs = tlv(0x04, "")}), "unknown"},
      {bytes_of({.tlvs = tlv(0x02, "example.com") + tlv(0xe0, "") + tlv(0x20, "not looked into")}),
       "192.0.2.7 49152 > 10.0.0.1 443"},
      {bytes_of({.tlvs = tlv(0x04, std::string(4'096 - 12 - 3, 'x'))}), "192.0.2.7 49152 > 10.0.0.1 443"},
      {with_checksum({}), "192.0.2.7 49152 > 10.0.0.1 443"},
      {with_checksum({.tlvs = tlv(0x04, "abc")}, tlv(0x01, "h2")), "192.0.2.7 49152 > 10.0.0.1 443"},
      {with_checksum({.command = 0x20, .family = 0x00, .addresses = ""}), "unknown"},
      {bytes_of({.command = 0x20, .family = 0x00, .addresses = ""}), "unknown"},
      // The family of LOCAL is ignored, and what it carries is discarded.
      {bytes_of({.command = 0x20}), "unknown"},
      {bytes_of({.command = 0x20, .family = 0x12}), "unknown"},
      {bytes_of({.command = 0x20, .family = 0xff, .addresses = "whatever"}), "unknown"},
      {bytes_of({.command = 0x20, .family = 0x21, .addresses = "too short"}), "unknown"},
  };
  return all;
}

}  // namespace

TEST_CASE("a valid header is incomplete up to its last byte, and ends there") {
  for (const Valid& valid : valid_headers()) {
    CAPTURE(valid.bytes);
    for (std::size_t size = 0; size < valid.bytes.size(); ++size) {
      if (read_proxy_header(std::span(valid.bytes).first(size)).state != State::incomplete) FAIL_CHECK(size);
    }
    CHECK(verdict(valid.bytes) == valid.verdict);
    CHECK(read_proxy_header(valid.bytes).length == valid.bytes.size());

    // What comes behind it is the client's, whatever it is.
    for (const std::string& behind :
         {std::string("GET / HTTP/1.1\r\n\r\n"), valid.bytes, std::string(1, '\0')}) {
      CHECK(verdict(valid.bytes + behind) == valid.verdict);
      CHECK(read_proxy_header(valid.bytes + behind).length == valid.bytes.size());
    }
  }
}

TEST_CASE("the addresses are ones that a socket call takes") {
  const ProxyHeader v4 = read_proxy_header(bytes_of({}));
  const SocketAddress expected = at("192.0.2.7", 49'152);
  REQUIRE(v4.client.length == expected.length);
  CHECK(std::memcmp(v4.client.raw(), expected.raw(), expected.length) == 0);

  const ProxyHeader v6 = read_proxy_header(bytes_of({.family = 0x21, .addresses = tcp6_addresses}));
  const SocketAddress expected6 = at("2001:db8::1", 443);
  REQUIRE(v6.local.length == expected6.length);
  CHECK(std::memcmp(v6.local.raw(), expected6.raw(), expected6.length) == 0);
}

TEST_CASE("what cannot become a header is bad at the first byte that shows it") {
  struct Row {
    std::string bytes;
    std::size_t bad_at;  // how many bytes it takes to know
  };
  const std::string signature = bytes_of({}).substr(0, 12);
  for (const Row& row : std::vector<Row>{
           {"GET / HTTP/1.1\r\n", 1},
           {"\x16\x03\x01", 1},
           {std::string(1, '\0'), 1},
           {"POST / HTTP/1.1", 2},
           {"\r\nGET", 3},
           {"\r\n\r\nGET", 5},
           {"proxy TCP4", 1},
           {"PROXY  TCP4", 7},
           {"PROXY\tTCP4", 6},
           {"PROXY TCP5 ", 10},
           {"PROXY TCP4\r\n", 11},
           {"PROXY UDP4 ", 8},
           {"PROXY UNKNOWNS ", 14},
           {"PROXY UNKNOWN\n", 14},
       }) {
    CAPTURE(row.bytes);
    CHECK(verdict(row.bytes.substr(0, row.bad_at - 1)) == "incomplete");
    CHECK(verdict(row.bytes.substr(0, row.bad_at)) == "does not begin as a PROXY header");
    CHECK(verdict(row.bytes) == "does not begin as a PROXY header");
  }
}

TEST_CASE("version 1: the line ends in CRLF, within 107 bytes") {
  CHECK(verdict("PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n") == "has an LF without its CR");
  CHECK(verdict("PROXY UNKNOWN x\ny\r\n") == "has an LF without its CR");
  CHECK(verdict("PROXY TCP4 192.0.2.7 10.0.0.1 1 2\rx") == "has a CR without its LF");
  CHECK(verdict("PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\r\n") == "has a CR without its LF");
  CHECK(verdict("PROXY UNKNOWN\rx") == "has a CR without its LF");

  const std::string opening = "PROXY UNKNOWN ";
  CHECK(verdict(opening + std::string(92, 'x')) == "incomplete");
  CHECK(verdict(opening + std::string(93, 'x')) == "has no CRLF within 107 bytes");
  CHECK(verdict(opening + std::string(92, 'x') + "\r") == "has no CRLF within 107 bytes");
  CHECK(verdict(opening + std::string(92, 'x') + "\r\n") == "has no CRLF within 107 bytes");
  CHECK(verdict("PROXY TCP4 " + std::string(96, '1')) == "has no CRLF within 107 bytes");
}

TEST_CASE("version 1: addresses are of the family that the line names") {
  for (const char* line : {
           "PROXY TCP4 2001:db8::7 10.0.0.1 1 2\r\n",
           "PROXY TCP4 192.0.2.7 2001:db8::1 1 2\r\n",
           "PROXY TCP4 ::ffff:192.0.2.7 10.0.0.1 1 2\r\n",
           "PROXY TCP6 192.0.2.7 2001:db8::1 1 2\r\n",
           "PROXY TCP6 2001:db8::7 10.0.0.1 1 2\r\n",
           "PROXY TCP4 192.0.2.07 10.0.0.1 1 2\r\n",
           "PROXY TCP4 192.0.2.256 10.0.0.1 1 2\r\n",
           "PROXY TCP4 192.0.2 10.0.0.1 1 2\r\n",
           "PROXY TCP4 0xc0.0.2.7 10.0.0.1 1 2\r\n",
           "PROXY TCP4 192.0.2.7. 10.0.0.1 1 2\r\n",
           "PROXY TCP4 localhost 10.0.0.1 1 2\r\n",
           "PROXY TCP6 2001:db8::7::1 2001:db8::1 1 2\r\n",
           "PROXY TCP6 2001:db8:::7 2001:db8::1 1 2\r\n",
           "PROXY TCP6 1:2:3:4:5:6:7 2001:db8::1 1 2\r\n",
           "PROXY TCP6 1:2:3:4:5:6:7:8:9 2001:db8::1 1 2\r\n",
           "PROXY TCP6 00001::7 2001:db8::1 1 2\r\n",
           "PROXY TCP6 [2001:db8::7] 2001:db8::1 1 2\r\n",
           "PROXY TCP6 fe80::1%lo 2001:db8::1 1 2\r\n",
           "PROXY TCP4  10.0.0.1 1 2\r\n",
       }) {
    CAPTURE(line);
    CHECK(verdict(line) == "has an address that is not of its family");
  }
  const std::string nul = std::string("PROXY TCP4 192.0.2.7") + '\0' + "x 10.0.0.1 1 2\r\n";
  CHECK(verdict(nul) == "has an address that is not of its family");
}

TEST_CASE("version 1: ports are plain numbers, and nothing follows them") {
  const std::string start = "PROXY TCP4 192.0.2.7 10.0.0.1 ";
  for (const char* ports : {"", "1", "1 ", " 1 2", "1  2", "1 2 ", "1 2 3", "01 2", "1 02", "00 2", "65536 2",
                            "1 99999", "+1 2", "-1 2", "1 0x2", "1 2x", "1\t2", "a b", "4294967297 2"}) {
    CAPTURE(ports);
    CHECK(verdict(start + ports + "\r\n") == "has a port that is not a plain number from 0 to 65535");
  }
  for (const char* line :
       {"PROXY TCP4 \r\n", "PROXY TCP4 192.0.2.7\r\n", "PROXY TCP4 192.0.2.7 10.0.0.1\r\n",
        "PROXY TCP4 192.0.2.7  10.0.0.1 1 2\r\n", "PROXY TCP4  192.0.2.7 10.0.0.1 1 2\r\n"}) {
    CAPTURE(line);
    CHECK(verdict(line) == "has a port that is not a plain number from 0 to 65535");
  }
}

TEST_CASE("version 2: version, command, family and length are judged as they come") {
  const auto judged_at = [](const Block& block, std::size_t size, const char* reason) {
    const std::string bytes = bytes_of(block);
    CAPTURE(block.command, block.family, reason);
    CHECK(verdict(bytes.substr(0, size - 1)) == "incomplete");
    CHECK(verdict(bytes.substr(0, size)) == reason);
    CHECK(verdict(bytes) == reason);
  };
  for (const int command : {0x11, 0x31, 0x00, 0x01, 0xf1})
    judged_at({.command = command}, 13, "is of an unknown version");
  for (const int command : {0x22, 0x2f}) judged_at({.command = command}, 13, "has an unknown command");
  // Datagrams, unspecified transports of a known family, and families that do not exist.
  for (const int family : {0x12, 0x22, 0x32, 0x02, 0x10, 0x20, 0x30, 0x13, 0x1f, 0x40, 0x41, 0xf1, 0xff}) {
    judged_at({.family = family}, 14, "is not for a stream of a known family");
  }
  judged_at({.addresses = tcp4_addresses.substr(1)}, 16, "is too short for its addresses");
  judged_at({.addresses = ""}, 16, "is too short for its addresses");
  judged_at({.family = 0x21, .addresses = tcp6_addresses.substr(1)}, 16, "is too short for its addresses");
  judged_at({.family = 0x31, .addresses = std::string(215, 'u')}, 16, "is too short for its addresses");
  const std::string long_tlv = tlv(0x04, std::string(4'097 - 12 - 3, 'x'));
  judged_at({.tlvs = long_tlv}, 16, "is longer than 4,112 bytes");
  judged_at({.command = 0x20, .tlvs = long_tlv}, 16, "is longer than 4,112 bytes");
}

TEST_CASE("version 2: TLVs fill the header exactly") {
  for (const Block& block : {Block{}, Block{.command = 0x20, .family = 0x00, .addresses = ""},
                             Block{.family = 0x31, .addresses = std::string(216, 'u')}}) {
    const auto with = [&block](const std::string& tlvs) {
      Block changed = block;
      changed.tlvs = tlvs;
      return verdict(bytes_of(changed));
    };
    CAPTURE(block.family);
    CHECK(with("\x04") == "has bytes behind its last TLV");
    CHECK(with(std::string("\x04\x00", 2)) == "has bytes behind its last TLV");
    CHECK(with(tlv(0x04, "abc") + "\x04") == "has bytes behind its last TLV");
    CHECK(with(std::string("\x04\x00\x01", 3)) == "has a TLV that goes beyond its end");
    CHECK(with(std::string("\x04\xff\xff", 3) + "abc") == "has a TLV that goes beyond its end");
    CHECK(with(tlv(0x04, "abc") + std::string("\x02\x00\x04", 3) + "abc") ==
          "has a TLV that goes beyond its end");
  }
}

TEST_CASE("version 2: a checksum has to be right") {
  CHECK(verdict(with_checksum({}, {}, 1)) == "has a wrong checksum");
  CHECK(verdict(with_checksum({.command = 0x20, .family = 0x00, .addresses = ""}, {}, 1)) ==
        "has a wrong checksum");
  CHECK(verdict(bytes_of({.tlvs = tlv(0x03, "abc")})) == "has a checksum that is not 4 bytes long");
  CHECK(verdict(bytes_of({.tlvs = tlv(0x03, "abcde")})) == "has a checksum that is not 4 bytes long");
  CHECK(verdict(bytes_of({.tlvs = tlv(0x03, "")})) == "has a checksum that is not 4 bytes long");
  CHECK(verdict(with_checksum({}, tlv(0x03, "abcd"))) == "has two checksums");

  // It guards every bit of a header, but for two ways out: as LOCAL (byte 12) the block is not looked
  // at, and claims no address either; with another type (byte 28) the TLV is no checksum.
  const std::string good = with_checksum({});
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = good;
      changed[i] = static_cast<char>(changed[i] ^ 1 << bit);
      const ProxyHeader header = read_proxy_header(changed);
      CAPTURE(i, bit);
      if (i == 12 && header.state == State::done) {
        CHECK_FALSE(header.addressed);
      } else if (i != 28) {
        CHECK(header.state != State::done);
      }
    }
  }
}

TEST_CASE("a changed byte never makes a header longer than its bytes, nor endless") {
  for (const Valid& valid : valid_headers()) {
    const std::string padding(max_proxy_header_read, 'x');
    for (std::size_t i = 0; i < std::min<std::size_t>(valid.bytes.size(), 300); ++i) {
      for (int value = 0; value < 256; ++value) {
        std::string changed = valid.bytes;
        changed[i] = static_cast<char>(value);
        const ProxyHeader header = read_proxy_header(changed);
        const bool in_range =
            header.length <= changed.size() && (header.length == 0) == (header.state != State::done);
        const bool ended = header.state != State::incomplete ||
                           read_proxy_header(changed + padding).state != State::incomplete;
        if (!in_range || !ended || (header.state == State::bad) == header.reason.empty()) {
          FAIL_CHECK(valid.verdict << ", byte " << i << " as " << value);
        }
      }
    }
  }
}

TEST_CASE("what is written is what the specification shows") {
  const SocketAddress client = at("192.0.2.7", 49'152);
  const SocketAddress local = at("10.0.0.1", 443);
  CHECK(written(evenkeel::ProxyVersion::v1, client, local) == "PROXY TCP4 192.0.2.7 10.0.0.1 49152 443\r\n");
  CHECK(written(evenkeel::ProxyVersion::v2, client, local) == bytes_of({}));

  const SocketAddress client6 = at("2001:db8::7", 49'152);
  const SocketAddress local6 = at("2001:db8::1", 443);
  CHECK(written(evenkeel::ProxyVersion::v1, client6, local6) ==
        "PROXY TCP6 2001:db8::7 2001:db8::1 49152 443\r\n");
  CHECK(written(evenkeel::ProxyVersion::v2, client6, local6) ==
        bytes_of({.family = 0x21, .addresses = tcp6_addresses}));
}

TEST_CASE("an IPv4-mapped address is written as IPv4, unless the other side is IPv6") {
  const SocketAddress mapped = at("::ffff:192.0.2.7", 49'152);
  const SocketAddress v4 = at("10.0.0.1", 443);
  const SocketAddress v6 = at("2001:db8::1", 443);
  for (const evenkeel::ProxyVersion version : {evenkeel::ProxyVersion::v1, evenkeel::ProxyVersion::v2}) {
    CHECK(written(version, mapped, at("::ffff:10.0.0.1", 443)) ==
          written(version, at("192.0.2.7", 49'152), v4));
    CHECK(written(version, mapped, v4) == written(version, at("192.0.2.7", 49'152), v4));
    CHECK(written(version, at("192.0.2.7", 49'152), v6) == written(version, mapped, v6));
    CHECK(verdict(written(version, mapped, v6)) == "192.0.2.7 49152 > 2001:db8::1 443");
    CHECK(verdict(written(version, v6, mapped)) == "2001:db8::1 443 > 192.0.2.7 49152");
  }
  CHECK(written(evenkeel::ProxyVersion::v1, mapped, v6) ==
        "PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 49152 443\r\n");
  CHECK(written(evenkeel::ProxyVersion::v2, mapped, v6).at(13) == '\x21');
}

TEST_CASE("without an IP on both sides the header says so") {
  const SocketAddress ip = at("192.0.2.7", 1);
  const SocketAddress path = unix_address("/run/app.sock").value();
  const std::string local_header = bytes_of({.command = 0x20, .family = 0x00, .addresses = ""});
  using Ends = std::pair<SocketAddress, SocketAddress>;
  for (const auto& [client, local] :
       {Ends{path, path}, Ends{path, ip}, Ends{ip, path}, Ends{{}, ip}, Ends{ip, {}}}) {
    CHECK(written(evenkeel::ProxyVersion::v1, client, local) == "PROXY UNKNOWN\r\n");
    CHECK(written(evenkeel::ProxyVersion::v2, client, local) == local_header);
  }
}

TEST_CASE("the longest headers fit, and are read back") {
  const SocketAddress longest = at("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65'535);
  CHECK(written(evenkeel::ProxyVersion::v1, longest, longest).size() == 104);
  CHECK(written(evenkeel::ProxyVersion::v2, longest, longest).size() == 52);
  for (const evenkeel::ProxyVersion version : {evenkeel::ProxyVersion::v1, evenkeel::ProxyVersion::v2}) {
    const std::string text = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535";
    CHECK(verdict(written(version, longest, longest)) == text + " > " + text);
  }
}
