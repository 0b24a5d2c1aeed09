// One client: reads its requests one after the other and starts an exchange for each.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/buffer.hpp"
#include "base/intrusive_list.hpp"
#include "http/head_scanner.hpp"
#include "http/own_response.hpp"
#include "http/request_head.hpp"
#include "net/connection.hpp"
#include "net/reactor.hpp"
#include "net/socket.hpp"
#include "net/timeouts.hpp"
#include "proxy/http_core.hpp"

namespace evenkeel::proxy {

// An idle one is all that a waiting keep-alive client costs: no buffers, no exchange.
class ClientConnection final : public net::Connection,
                               public net::Mortal,
                               public net::Task,
                               public base::ListNode<ClientConnection> {
 public:
  // Owns itself from here on; ends with end(), and gives its place at the gate back. False: there is none.
  static bool accept(HttpCore& core, net::Accepted accepted, ClientGuard::Seat seat = {}) noexcept;

  ClientConnection(HttpCore& core, const net::SocketAddress& peer, ClientGuard::Seat seat) noexcept;
  ~ClientConnection() override;

  [[nodiscard]] std::string_view ip() const noexcept { return {ip_, ip_length_}; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  // What a target is told of who it is; none when it is nobody, or nobody asked.
  [[nodiscard]] const std::string& identity_fields() const noexcept { return identity_fields_; }
  // Its sending side has ended; it may still be reading (half-close).
  [[nodiscard]] bool half_closed() const noexcept { return half_closed_; }
  // The response that is being made is the last one on this connection.
  [[nodiscard]] bool must_close() const noexcept;

  // --- for its exchange ---
  // Bytes that came after the body of the current request, or early bytes of a tunnel.
  void keep_early(std::span<const char> bytes) noexcept;
  [[nodiscard]] base::Buffer& early() noexcept { return in_; }
  // The exchange is over and the response is written (perhaps not all sent yet).
  // `unread`: part of the request is still on its way and will not be read.
  void exchange_done(bool keep_alive, bool unread) noexcept;
  // The response cannot be completed: close so that the client sees it was cut.
  void cut() noexcept;
  // Ends now: what has a response on its way sees a cut.
  void stop() noexcept;
  // Closes at once what is idle between two requests; what is busy, or has yet to send its first one, is told
  // to close after its response.
  void drain() noexcept;
  // Work on this target is over, whether it is done or not.
  void cut_off(TargetKey target) noexcept;
  void end() noexcept;

 private:
  enum class Phase : std::uint8_t {
    header,     // of the PROXY protocol
    handshake,  // of TLS
    idle,       // between requests
    head,       // part of a head has come
    busy,       // an exchange is under way
    closing,    // sending what is left of the last response
    lingering,  // reading and forgetting, so that the last response is not lost to a reset
  };

  void wait(std::chrono::milliseconds patience) noexcept;
  void run() noexcept override;
  void on_readable() noexcept override;
  void on_partly_sent() noexcept override;
  void on_drained() noexcept override;
  void on_failed() noexcept override;
  void on_secured() noexcept override;
  void on_insecure() noexcept override;
  void on_timeout() noexcept;

  void begin() noexcept;
  void set_client(const net::SocketAddress& client) noexcept;
  void read_proxy_header() noexcept;
  [[nodiscard]] bool knows_who() noexcept;
  void on_identity(IdentitySource::Answer answer) noexcept;
  [[nodiscard]] bool refuses(const http::RequestHead& head) noexcept;
  void on_bytes(std::span<char> bytes) noexcept;
  void on_stream_end() noexcept;
  void take_kept_requests() noexcept;
  // Takes one request off the front: the bytes used up, 0 when none can be started now.
  std::size_t take_request(std::span<char> bytes) noexcept;
  std::size_t start_exchange(std::span<char> bytes, std::span<char> rest) noexcept;
  void wait_for_head() noexcept;
  void give_up_head() noexcept;
  void answer_plain_http() noexcept;
  void refuse(int status, const http::RequestHead& head = {}) noexcept;
  [[nodiscard]] bool answer_here(const http::RequestHead& head) noexcept;
  void answer_self(const http::RequestHead& head, http::OwnResponse response) noexcept;
  void redirect(const http::RequestHead& head) noexcept;
  void answer_over_rate(const http::RequestHead& head, std::chrono::nanoseconds wait) noexcept;
  [[nodiscard]] bool may_keep(const http::RequestHead& head) const noexcept;
  void answer(const http::RequestHead& head, const std::string& text, int status) noexcept;
  void wait_for_request() noexcept;
  void close_after_response() noexcept;
  void linger() noexcept;
  void discard(std::size_t count) noexcept;

  HttpCore& core_;
  Exchange* exchange_ = nullptr;
  ClientGuard::Seat seat_;
  IdentitySource::Query asking_who_;
  std::shared_ptr<const Identity> identity_;
  std::string identity_fields_;
  std::uint64_t identified_until_ms_ = 0;
  net::Timeout timeout_;
  base::Buffer in_;  // a partial head or PROXY header, or requests that wait for the one before them
  http::HeadScanner scanner_;
  std::uint32_t served_ = 0;
  std::uint32_t discarded_ = 0;
  Phase phase_ = Phase::idle;
  bool half_closed_ = false;
  bool empty_line_seen_ = false;  // before the request that is to come
  bool unread_input_ = false;     // a request body that nobody will read is still on its way
  bool from_internet_ = false;    // whatever its address looks like, it is no node of the tailnet
  bool identity_failed_ = false;  // nobody could be asked
  bool ended_ = false;
  std::uint8_t ip_length_ = 0;
  std::uint16_t port_ = 0;
  char ip_[net::max_ip_text];
};

}  // namespace evenkeel::proxy
