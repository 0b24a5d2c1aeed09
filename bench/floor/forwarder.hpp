// The cheapest HTTP forwarder that libuv and llhttp allow: what a proxy on them costs at least.
//
// A request is one recv and one send, and so is its response. Nothing is rewritten, timed, checked, counted
// or logged; anything unexpected closes the connection. It serves what the benchmarks send: requests without
// a body that arrive whole, responses with Content-Length, and WebSocket.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <netinet/in.h>
#include <vector>

#include "floor/socket.hpp"

namespace evenkeel::bench {

class Client;
class Upstream;

struct Target {
  sockaddr_in address{};
  std::vector<Upstream*> idle;
};

struct Pipe {
  net::Fd read_end;
  net::Fd write_end;
};

// What all connections share.
struct Forwarder {
  explicit Forwarder(uv_loop_t* loop) noexcept : watches(loop) {}

  Watches watches;
  std::vector<Target> targets;
  std::size_t next_target = 0;
  std::vector<Pipe> pipes;  // empty ones
  std::array<char, 65'536> buffer{};
};

class Listener final : public Socket {
 public:
  Listener(Forwarder& forwarder, net::Fd fd);
  void on_readable() override;
  void on_failed() override {}

 private:
  Forwarder& forwarder_;
};

// Owns itself: ends with end().
class Client final : public Socket {
 public:
  Client(Forwarder& forwarder, net::Fd fd);
  void on_readable() override;
  void on_drained() override;
  void on_failed() override { end(); }
  void end();

  [[nodiscard]] bool closes() const noexcept { return closes_; }
  void open_tunnel() noexcept { tunnel_ = true; }
  [[nodiscard]] bool tunnel() const noexcept { return tunnel_; }
  // The whole response has been sent or kept.
  void on_response_end();

 private:
  Forwarder& forwarder_;
  Upstream* upstream_ = nullptr;
  bool closes_ = false;
  bool tunnel_ = false;
};

// Owns itself: ends with end().
class Upstream final : public Socket {
 public:
  // A connection to the next target: a kept one, or else a new one, which may be still connecting.
  // nullptr: none can be made.
  static Upstream* take(Forwarder& forwarder, Client& client);

  Upstream(Forwarder& forwarder, Target& target, net::Fd fd, bool connecting);
  void on_readable() override;
  void on_drained() override;
  void on_failed() override;
  void end();

  void send_request(std::string_view bytes);

 private:
  void finish();
  void start_splice();
  void splice_on();

  Forwarder& forwarder_;
  Target& target_;
  Client* client_ = nullptr;
  bool connecting_;
  std::uint64_t left_ = 0;  // of the response, to be read
  Pipe pipe_;               // while a large body is spliced
  std::size_t held_ = 0;    // in the pipe

  friend class Client;
};

}  // namespace evenkeel::bench
