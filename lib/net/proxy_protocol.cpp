#include "net/proxy_protocol.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <optional>

#include "base/crc32c.hpp"

namespace evenkeel::net {
namespace {

using State = ProxyHeader::State;

constexpr std::string_view v2_signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t v2_head = 16;  // signature, version and command, family and transport, length
constexpr std::uint8_t v2_local = 0x20;
constexpr std::uint8_t v2_proxy = 0x21;
constexpr std::uint8_t v2_tcp4 = 0x11;
constexpr std::uint8_t v2_tcp6 = 0x21;
constexpr std::uint8_t tlv_crc32c = 0x03;

// The openings of version 1, section 2.1. None begins another, nor the signature.
struct LineForm {
  std::string_view opening;
  int family;
};
constexpr LineForm line_forms[] = {
    {"PROXY TCP4 ", AF_INET},
    {"PROXY TCP6 ", AF_INET6},
    {"PROXY UNKNOWN\r", AF_UNSPEC},
    {"PROXY UNKNOWN ", AF_UNSPEC},
};

// The families and transports of version 2 that a stream can have, section 2.2. An unspecified
// transport is only known beside an unspecified family.
struct BlockForm {
  std::uint8_t code;
  std::uint8_t address_bytes;
  std::uint8_t ip_bytes;  // of one IP; 0 where the addresses are of no use to us
};
constexpr BlockForm block_forms[] = {
    {0x00, 0, 0}, {0x01, 0, 0}, {v2_tcp4, 12, 4}, {v2_tcp6, 36, 16}, {0x31, 216, 0}};

// -- writing --

class Out {
 public:
  explicit Out(std::span<char, max_proxy_header_written> out) noexcept
      : begin_(out.data()), at_(out.data()) {}

  Out& text(std::string_view bytes) noexcept {
    at_ = std::ranges::copy(bytes, at_).out;
    return *this;
  }
  Out& byte(std::size_t value) noexcept {
    *at_++ = static_cast<char>(value);
    return *this;
  }
  Out& pair(std::size_t value) noexcept { return byte(value >> 8).byte(value & 0xff); }
  Out& decimal(std::uint16_t value) noexcept {
    at_ = std::to_chars(at_, at_ + 5, value).ptr;
    return *this;
  }
  Out& ip_text_of(const PeerIp& peer) noexcept {
    char buffer[max_ip_text];
    return text(ip_text(peer, buffer));
  }
  Out& ip_bytes_of(const PeerIp& peer) noexcept {
    at_ = std::ranges::copy(peer.address(), at_).out;
    return *this;
  }
  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

 private:
  char* begin_;
  char* at_;
};

PeerIp as_ipv6(const PeerIp& peer) noexcept {
  if (peer.family == AF_INET6) return peer;
  PeerIp mapped;
  mapped.family = AF_INET6;
  mapped.port = peer.port;
  mapped.bytes[10] = mapped.bytes[11] = 0xff;
  std::memcpy(&mapped.bytes[12], peer.bytes, 4);
  return mapped;
}

void write_line(const PeerIp& client, const PeerIp& local, Out& out) noexcept {
  if (client.family == AF_UNSPEC) {
    out.text("PROXY UNKNOWN\r\n");
    return;
  }
  out.text(client.family == AF_INET ? "PROXY TCP4 " : "PROXY TCP6 ")
      .ip_text_of(client)
      .text(" ")
      .ip_text_of(local);
  out.text(" ").decimal(client.port).text(" ").decimal(local.port).text("\r\n");
}

void write_block(const PeerIp& client, const PeerIp& local, Out& out) noexcept {
  out.text(v2_signature);
  if (client.family == AF_UNSPEC) {
    out.byte(v2_local).byte(0).pair(0);
    return;
  }
  const bool v4 = client.family == AF_INET;
  out.byte(v2_proxy).byte(v4 ? v2_tcp4 : v2_tcp6).pair(v4 ? 12 : 36);
  out.ip_bytes_of(client).ip_bytes_of(local).pair(client.port).pair(local.port);
}

// -- reading --

ProxyHeader done(std::size_t length) noexcept {
  ProxyHeader header;
  header.state = State::done;
  header.length = length;
  return header;
}

// Up to the next space, which goes too. What is missing comes out empty, and is no address or port.
std::string_view take_field(std::string_view& rest) noexcept {
  const std::size_t space = std::min(rest.find(' '), rest.size());
  const std::string_view field = rest.substr(0, space);
  rest.remove_prefix(std::min(space + 1, rest.size()));
  return field;
}

// One spelling a port: no sign, no leading zero.
std::optional<std::uint16_t> read_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text.starts_with('0')) return std::nullopt;
  return port;
}

ProxyHeader read_line_fields(std::string_view fields, int family, std::size_t length) noexcept {
  const std::string_view client_ip = take_field(fields);
  const std::string_view local_ip = take_field(fields);
  const auto client_port = read_port(take_field(fields));
  const auto local_port = read_port(fields);
  if (!client_port || !local_port)
    return bad_proxy_header("has a port that is not a plain number from 0 to 65535");
  const auto client = ip_address(client_ip, *client_port);
  const auto local = ip_address(local_ip, *local_port);
  if (!client || !local || client->storage.ss_family != family || local->storage.ss_family != family) {
    return bad_proxy_header("has an address that is not of its family");
  }
  ProxyHeader header = done(length);
  header.addressed = true;
  header.client = *client;
  header.local = *local;
  return header;
}

// `text` begins with the opening of `form`.
ProxyHeader read_line(std::string_view text, const LineForm& form) noexcept {
  const std::string_view line = text.substr(0, max_proxy_line);
  const std::size_t end = line.find_first_of("\r\n");
  if (end != std::string_view::npos && line[end] == '\n') return bad_proxy_header("has an LF without its CR");
  if (end == std::string_view::npos || end + 1 == line.size()) {
    if (line.size() < max_proxy_line) return {};
    return bad_proxy_header("has no CRLF within 107 bytes");
  }
  if (line[end + 1] != '\n') return bad_proxy_header("has a CR without its LF");
  const std::size_t length = end + 2;
  // Section 2.1: what follows UNKNOWN is ignored.
  if (form.family == AF_UNSPEC) return done(length);
  const std::size_t begin = form.opening.size();
  return read_line_fields(line.substr(begin, end - begin), form.family, length);
}

std::uint8_t byte_at(std::string_view text, std::size_t at) noexcept {
  return static_cast<std::uint8_t>(text[at]);
}

std::uint16_t pair_at(std::string_view text, std::size_t at) noexcept {
  return static_cast<std::uint16_t>(byte_at(text, at) << 8 | byte_at(text, at + 1));
}

SocketAddress address_at(std::string_view ip, std::uint16_t port) noexcept {
  SocketAddress address;
  if (ip.size() == 4) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    std::memcpy(&v4->sin_addr, ip.data(), ip.size());
    address.length = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    std::memcpy(&v6->sin6_addr, ip.data(), ip.size());
    address.length = sizeof *v6;
  }
  return address;
}

// Section 2.2.3: of the whole header, with zeros where the checksum stands, in network byte order.
bool has_checksum(std::string_view header, std::size_t at) noexcept {
  constexpr std::string_view zeros("\0\0\0\0", 4);
  const std::uint32_t expected =
      static_cast<std::uint32_t>(pair_at(header, at)) << 16 | pair_at(header, at + 2);
  return base::crc32c(header.substr(at + 4), base::crc32c(zeros, base::crc32c(header.substr(0, at)))) ==
         expected;
}

// What is wrong with the TLVs from `at` to the end of the header; empty when nothing is.
std::string_view mistake_in_tlvs(std::string_view header, std::size_t at) noexcept {
  std::size_t checksum_at = 0;
  while (at < header.size()) {
    if (header.size() - at < 3) return "has bytes behind its last TLV";
    const std::uint8_t type = byte_at(header, at);
    const std::size_t length = pair_at(header, at + 1);
    at += 3;
    if (length > header.size() - at) return "has a TLV that goes beyond its end";
    if (type == tlv_crc32c) {
      if (length != 4) return "has a checksum that is not 4 bytes long";
      // Of two, neither can tell what the other's bytes were when it was made.
      if (checksum_at != 0) return "has two checksums";
      checksum_at = at;
    }
    at += length;
  }
  if (checksum_at != 0 && !has_checksum(header, checksum_at)) return "has a wrong checksum";
  return {};
}

// `header` is whole.
ProxyHeader read_whole_block(std::string_view header, const BlockForm& form) noexcept {
  const std::string_view mistake = mistake_in_tlvs(header, v2_head + form.address_bytes);
  if (!mistake.empty()) return bad_proxy_header(mistake);
  ProxyHeader result = done(header.size());
  if (form.ip_bytes == 0) return result;
  const std::string_view block = header.substr(v2_head, form.address_bytes);
  const std::size_t size = form.ip_bytes;
  result.addressed = true;
  result.client = address_at(block.substr(0, size), pair_at(block, 2 * size));
  result.local = address_at(block.substr(size, size), pair_at(block, 2 * size + 2));
  return result;
}

// `text` begins with the signature.
ProxyHeader read_block(std::string_view text) noexcept {
  if (text.size() <= 12) return {};
  const std::uint8_t command = byte_at(text, 12);
  if (command >> 4 != 2) return bad_proxy_header("is of an unknown version");
  if (command != v2_local && command != v2_proxy) return bad_proxy_header("has an unknown command");

  if (text.size() <= 13) return {};
  const std::uint8_t code = byte_at(text, 13);
  const auto* const form = std::ranges::find(block_forms, code, &BlockForm::code);
  const bool known = form != std::end(block_forms);
  if (command == v2_proxy && !known) return bad_proxy_header("is not for a stream of a known family");

  if (text.size() < v2_head) return {};
  const std::size_t block = pair_at(text, 14);
  if (block > max_proxy_block) return bad_proxy_header("is longer than 4,112 bytes");
  if (command == v2_proxy && block < form->address_bytes)
    return bad_proxy_header("is too short for its addresses");
  const std::string_view header = text.substr(0, v2_head + block);
  if (header.size() < v2_head + block) return {};

  // Section 2.2: what a LOCAL header carries is discarded, its family ignored. Where its TLVs begin
  // is only certain when it says that there are no addresses.
  if (command == v2_local && code != 0) return done(header.size());
  return read_whole_block(header, *form);
}

}  // namespace

std::size_t write_proxy_header(ProxyVersion version, const SocketAddress& client, const SocketAddress& local,
                               std::span<char, max_proxy_header_written> out) noexcept {
  PeerIp from = PeerIp::of(client);
  PeerIp to = PeerIp::of(local);
  if (from.family == AF_UNSPEC || to.family == AF_UNSPEC) {
    from = to = PeerIp{};
  } else if (from.family != to.family) {
    from = as_ipv6(from);
    to = as_ipv6(to);
  }
  Out bytes(out);
  version == ProxyVersion::v1 ? write_line(from, to, bytes) : write_block(from, to, bytes);
  return bytes.size();
}

ProxyHeader read_proxy_header(std::span<const char> bytes) noexcept {
  const std::string_view text(bytes.data(), bytes.size());
  if (text.starts_with(v2_signature)) return read_block(text);
  if (v2_signature.starts_with(text)) return {};
  for (const LineForm& form : line_forms) {
    if (text.starts_with(form.opening)) return read_line(text, form);
    if (form.opening.starts_with(text)) return {};
  }
  return bad_proxy_header("does not begin as a PROXY header");
}

}  // namespace evenkeel::net
