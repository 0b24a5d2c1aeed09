#include "net/proxy_header_reader.hpp"

#include "net/socket.hpp"

namespace evenkeel::net {

ProxyHeader take_proxy_header(Connection& connection, base::Buffer& kept, std::span<char> scratch) noexcept {
  const std::size_t before = kept.size();
  const Result<std::size_t> seen = connection.peek(scratch.first(max_proxy_header_read - before));
  if (!seen && would_block(seen.error().os_error)) return {};
  if (!seen || *seen == 0) return bad_proxy_header("ends before its end");
  if (!kept.append({scratch.data(), *seen})) return bad_proxy_header("has no room");
  const ProxyHeader header = read_proxy_header(kept.bytes());
  if (header.state == ProxyHeader::State::bad) return header;
  const bool done = header.state == ProxyHeader::State::done;
  // All of these are there: they have been seen.
  (void)connection.read(scratch.first(done ? header.length - before : *seen));
  if (done) kept.clear();
  return header;
}

}  // namespace evenkeel::net
