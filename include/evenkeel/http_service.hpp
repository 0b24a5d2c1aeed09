// A small HTTP/1.1 server on the host's loop, for what a program says of itself: status, metrics, an API.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/proxy.hpp"

struct uv_loop_s;

namespace evenkeel {

struct ServiceOptions {
  std::size_t body_bytes = 1'048'576;  // of a request: 413
  std::uint32_t connections = 64;      // at once, by Unix sockets and over TCP each; one more is closed
  std::chrono::milliseconds request{10'000};  // a whole request, from its first byte
  std::chrono::milliseconds idle{60'000};     // between requests
};

// What was asked for. Its framing was judged as strictly as HttpProxy does.
struct ServiceRequest {
  std::string method;
  std::string path;   // "/v1/status", as it was sent; begins with "/"
  std::string query;  // what stands behind "?", without it
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  bool local = false;  // came by a Unix socket

  // Of the first field with this name, whatever its case; empty when there is none.
  [[nodiscard]] EVENKEEL_API std::string_view field(std::string_view name) const noexcept;
};

struct ServiceResponse {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;  // more of them; names and values hold no CR or LF
};

// Thread rule: everything on the loop's thread. Lifetime: as a Proxy.
class EVENKEEL_API HttpService {
 public:
  // Once, at any time, within the handler or later. Nothing happens when the client or the service has gone.
  using Reply = std::function<void(ServiceResponse)>;
  // Must not throw, but std::bad_alloc, which closes the connection.
  using Handler = std::function<void(ServiceRequest, Reply)>;

  // Throws std::bad_alloc.
  HttpService(uv_loop_s* loop, Handler handler, ServiceOptions options = {});
  ~HttpService();
  HttpService(const HttpService&) = delete;
  HttpService& operator=(const HttpService&) = delete;

  // Any number of times. The errors of Proxy::listen().
  Result<void> listen(const ListenAddress& address);
  // Makes the socket with mode 0600. One that nobody listens on any more is replaced, address_in_use when
  // somebody does. Gone again when the service closes.
  Result<void> listen_unix(const std::string& path);
  [[nodiscard]] std::uint16_t port() const noexcept;  // the first one of listen()

  // Ends everything; `closed` comes from the loop once every handle is gone. Idempotent.
  void close(std::function<void()> closed);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evenkeel
