// The PROXY header that a connection begins with.
#pragma once

#include <span>

#include "base/buffer.hpp"
#include "net/connection.hpp"
#include "net/proxy_protocol.hpp"

namespace evenkeel::net {

// Takes the header off the front of a plain connection that can be read, and not a byte more: what follows
// may be TLS. Incomplete: call again when there is more to read; `kept` holds what has come, at most a
// header. Bad also when the stream ends, breaks or memory is out. `scratch` has room for
// max_proxy_header_read.
ProxyHeader take_proxy_header(Connection& connection, base::Buffer& kept, std::span<char> scratch) noexcept;

}  // namespace evenkeel::net
