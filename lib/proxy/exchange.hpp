// One request and its response: from a client to a target and back.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "evenkeel/balancer.hpp"
#include "evenkeel/error.hpp"

#include "base/buffer.hpp"
#include "http/body_reader.hpp"
#include "http/head_scanner.hpp"
#include "http/request_head.hpp"
#include "http/response_head.hpp"
#include "http/rewrite.hpp"
#include "net/bulk_relay.hpp"
#include "net/timeouts.hpp"
#include "proxy/access_log.hpp"
#include "proxy/http_core.hpp"
#include "proxy/upstream_connection.hpp"

namespace evenkeel::proxy {

// Everything that starts anew with each request.
struct ExchangeState {
  enum class Waiting : std::uint8_t { connection, request_body, response_head, response_body, tunnel };
  static constexpr std::size_t max_tried = 16;

  ClientConnection* client_ = nullptr;
  UpstreamConnection* upstream_ = nullptr;
  http::BodyReader request_body_;
  http::BodyReader response_body_;
  http::HeadScanner response_scanner_;
  std::array<TargetKey, max_tried> tried_{};
  std::uint64_t affinity_ = 0;  // of the client, where somebody asks
  std::uint64_t prefer_ = 0;    // the target that the client's cookie names
  std::uint64_t started_ns_ = 0;
  std::uint64_t asked_ns_ = 0;  // when the current target was given the last of what it has
  TargetKey target_key_ = 0;    // of the last attempt
  std::uint64_t first_byte_ns_ = 0;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  Error error_{};
  int status_ = 0;  // sent to the client; 0 before
  std::uint8_t tried_count_ = 0;
  std::uint8_t attempts_ = 0;  // times the request was sent
  std::uint8_t retries_ = 0;
  std::uint8_t client_minor_version_ = 1;
  Waiting waiting_ = Waiting::connection;
  bool idempotent_ = false;
  bool to_head_ = false;
  std::string_view upgrade_;  // protocol asked for, in the storage of HttpOptions
  bool asked_upgrade_ = false;
  bool expects_continue_ = false;
  std::uint8_t interims_ = 0;
  bool client_keep_alive_ = true;
  bool wants_json_ = false;
  bool failed_ = false;              // error_ says why
  bool replayable_ = true;           // everything that was sent of the request is still in request_
  bool fresh_only_ = false;          // an idle connection was stale: take a new one
  bool reused_ = false;              // the current connection had been idle
  bool sent_ = false;                // some of the request may have reached the current target
  bool target_spoke_ = false;        // some of a response came on the current connection
  bool target_listens_ = true;       // writes to the current connection work
  bool downstream_started_ = false;  // the client was sent something, an interim response perhaps
  bool response_started_ = false;    // the client was sent a final head
  bool keep_upstream_ = false;
  bool bulk_is_useless_ = false;
  bool chunks_out_ = false;    // the response body goes out chunked
  bool client_ended_ = false;  // tunnel: the client sends no more
  bool target_ended_ = false;  // tunnel: the target sends no more
};

// Lives from a whole request head to the end of the response (or of the tunnel that it became).
// exchange.cpp picks, sends, retries and ends; exchange_request.cpp moves the request body;
// exchange_response.cpp the response, exchange_bulk.cpp the long rest of one; exchange_tunnel.cpp an upgraded
// connection.
class Exchange final : public UpstreamUser,
                       public base::ListNode<Exchange>,
                       private net::Task,
                       private ExchangeState {
 public:
  explicit Exchange(HttpCore& core) noexcept;

  // `rest` is what came after the head; returns how much of it was the body. The exchange may be over
  // when this returns.
  std::size_t start(ClientConnection& client, const http::RequestHead& head, std::span<char> rest) noexcept;

  // --- from the client ---
  // Whether bytes from the client are for this exchange (a body or a tunnel), and whether it can take
  // some now; while it cannot, the client's reads are paused.
  [[nodiscard]] bool wants_client_bytes() const noexcept;
  [[nodiscard]] bool can_take_client_bytes() const noexcept;
  // How many of the bytes were for this exchange.
  std::size_t on_client_bytes(std::span<char> bytes) noexcept;
  // The client's sending side ended where bytes were wanted.
  void on_client_stream_end() noexcept;
  void on_client_partly_sent() noexcept;
  void on_client_drained() noexcept;
  // The client is lost; it ends itself.
  void on_client_gone() noexcept;

  // What is under way on this target is over.
  void cut_off(TargetKey target) noexcept;

 private:
  void on_upstream_connected() noexcept override;
  void on_upstream_failed(const Error& error) noexcept override;
  void on_upstream_readable() noexcept override;
  void on_upstream_partly_sent() noexcept override;
  void on_upstream_drained() noexcept override;
  void on_upstream_broken() noexcept override { on_upstream_drained(); }

  // exchange.cpp
  void remember_client(const http::RequestHead& head) noexcept;
  bool pick() noexcept;
  [[nodiscard]] bool compose_request(const http::RequestHead& head) noexcept;
  [[nodiscard]] bool keep_gathered() noexcept;
  void dispatch() noexcept;
  void run() noexcept override;  // the rest of dispatch()
  void send_request() noexcept;
  void wait(Waiting what) noexcept;
  void on_step_timeout() noexcept;
  void on_deadline() noexcept;
  [[nodiscard]] bool is_client_stalling() const noexcept;
  [[nodiscard]] bool holds_early_bytes() const noexcept;
  [[nodiscard]] bool was_tried(TargetKey key) const noexcept;
  void fail_attempt(const Error& error) noexcept;
  [[nodiscard]] bool may_retry(const Error& error, bool stale) noexcept;
  void retry() noexcept;
  void give_up(const Error& error) noexcept;
  void answer_self(int status, const Error& error) noexcept;
  void cut(const Error& error) noexcept;
  enum class Release : std::uint8_t { keep, close, cut };
  void release_upstream(Release how) noexcept;
  void finish(bool keep_client) noexcept;
  void write_access_log() noexcept;
  void note_waited() noexcept;
  void note_answer() noexcept;
  void reset() noexcept;

  // exchange_request.cpp
  std::size_t take_body(std::span<char> bytes) noexcept;
  void refuse_body(int status) noexcept;

  // exchange_response.cpp
  [[nodiscard]] http::ResponseRewrite response_rewrite() const noexcept;
  void on_response_bytes(std::span<char> bytes) noexcept;
  std::size_t take_head(std::span<char> bytes) noexcept;
  void forward_interim(const http::ResponseHead& head) noexcept;
  void begin_response(const http::ResponseHead& head, std::span<char> rest) noexcept;
  void forward_body(std::span<char> bytes) noexcept;
  void write_with_body(std::span<char> bytes) noexcept;
  void on_response_end(const Error& error) noexcept;
  void complete_response() noexcept;

  // exchange_bulk.cpp
  [[nodiscard]] bool begin_bulk_response() noexcept;
  void move_bulk_response() noexcept;
  void wait_for_bulk() noexcept;
  void on_slow_source() noexcept;
  void end_bulk() noexcept;

  // exchange_tunnel.cpp
  void begin_tunnel(const http::ResponseHead& head, std::span<char> rest) noexcept;
  void tunnel_to_client(std::span<char> bytes) noexcept;
  void tunnel_to_target(std::span<const char> bytes) noexcept;
  void on_tunnel_target_end() noexcept;
  void end_tunnel_if_done() noexcept;

  [[nodiscard]] bool in_tunnel() const noexcept { return waiting_ == Waiting::tunnel; }

  HttpCore& core_;
  Lease lease_;
  net::Timeout step_timeout_;
  net::Timeout deadline_;
  base::Buffer request_;  // head and the body bytes that came with it: kept as long as it may be resent
  net::BulkRelay bulk_;   // the rest of a large response body, while it is spliced
  net::Timeout bulk_patience_;
  LoggedRequest logged_;
};

}  // namespace evenkeel::proxy
