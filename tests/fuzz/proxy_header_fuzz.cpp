// The PROXY protocol: no crash, an answer is final and the same however the bytes come, and what was
// written is read back.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "net/proxy_protocol.hpp"

using namespace evenkeel::net;
using State = ProxyHeader::State;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool same_end(const SocketAddress& a, const SocketAddress& b) {
  const PeerIp left = PeerIp::of(a);
  const PeerIp right = PeerIp::of(b);
  return left.family == right.family && left.port == right.port &&
         std::memcmp(left.bytes, right.bytes, 16) == 0;
}

bool same(const ProxyHeader& a, const ProxyHeader& b) {
  return a.state == b.state && a.length == b.length && a.addressed == b.addressed && a.reason == b.reason &&
         same_end(a.client, b.client) && same_end(a.local, b.local);
}

// One byte more at a time, up to a little behind the answer; an answer given early is the one that all
// the bytes give.
void check_increments(std::string_view bytes, const ProxyHeader& whole) {
  std::size_t answered = 0;
  for (std::size_t size = 0; size <= bytes.size() && answered < 8; ++size) {
    const ProxyHeader part = read_proxy_header(bytes.substr(0, size));
    if (part.state == State::incomplete) {
      require(answered == 0 && size < max_proxy_header_read);
      require(size < max_proxy_line || bytes[0] == '\r');
    } else {
      require(same(part, whole));
      require(part.state == State::bad || answered > 0 || part.length == size);
      ++answered;
    }
  }
  require((answered == 0) == (whole.state == State::incomplete));
}

void check_round_trip(const SocketAddress& client, const SocketAddress& local, std::string_view behind) {
  const bool addressed = PeerIp::of(client).family != AF_UNSPEC && PeerIp::of(local).family != AF_UNSPEC;
  for (const evenkeel::ProxyVersion version : {evenkeel::ProxyVersion::v1, evenkeel::ProxyVersion::v2}) {
    char out[max_proxy_header_written];
    const std::size_t size = write_proxy_header(version, client, local, out);
    const ProxyHeader read = read_proxy_header(std::string(out, size).append(behind));
    require(read.state == State::done && read.length == size && read.addressed == addressed);
    if (addressed) require(same_end(read.client, client) && same_end(read.local, local));
  }
}

// An address made of the input: its kind, a port, and the bytes of an IP.
SocketAddress take_address(std::string_view& bytes) {
  std::uint8_t raw[19] = {};
  std::memcpy(raw, bytes.data(), std::min(bytes.size(), sizeof raw));
  bytes.remove_prefix(std::min(bytes.size(), sizeof raw));
  if (raw[0] % 4 == 3) return unix_address("/socket").value();
  PeerIp peer;
  peer.family = raw[0] % 4 == 0 ? AF_INET : AF_INET6;
  std::memcpy(peer.bytes, &raw[3], 16);
  if (raw[0] % 4 == 2) std::memcpy(peer.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);  // IPv4-mapped
  char text[max_ip_text];
  return ip_address(ip_text(peer, text), static_cast<std::uint16_t>(raw[1] << 8 | raw[2])).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ProxyHeader whole = read_proxy_header(bytes);
  check_increments(bytes, whole);
  if (whole.addressed) check_round_trip(whole.client, whole.local, bytes.substr(whole.length));

  std::string_view rest = bytes;
  const SocketAddress client = take_address(rest);
  const SocketAddress local = take_address(rest);
  check_round_trip(client, local, rest);
  return 0;
}
