// A whole HTTP proxy inside a program that has a life of its own: the loop, its timer and the end of
// it all belong to the host.
//
// To be complete in itself the program also plays the backend and the client: it sends one request
// through the proxy and ends when the answer is there.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <string_view>

#include <uv.h>

#include "evenkeel/evenkeel.hpp"

namespace {

void check(bool fine, std::string_view what) {
  if (fine) return;
  std::cerr << "embedded_proxy: " << what << '\n';
  std::exit(1);
}

template <class Handle>
uv_stream_t* stream(Handle* handle) {
  return reinterpret_cast<uv_stream_t*>(handle);
}

template <class Handle>
void close_handle(Handle* handle, uv_close_cb closed = nullptr) {
  auto* base = reinterpret_cast<uv_handle_t*>(handle);
  if (uv_is_closing(base) == 0) uv_close(base, closed);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  uv_ip4_addr("127.0.0.1", port, &address);
  return address;
}

// Both peers of the proxy in miniature: a connection, and what came in over it.
struct Peer {
  uv_tcp_t tcp{};
  std::string received;
};

void send(Peer* peer, std::string_view text) {
  // Small enough to go out at once; real code waits for what is left.
  const uv_buf_t bytes = uv_buf_init(const_cast<char*>(text.data()), static_cast<unsigned>(text.size()));
  check(uv_try_write(stream(&peer->tcp), &bytes, 1) == static_cast<int>(text.size()), "short write");
}

void read_into(Peer* peer, uv_read_cb on_read) {
  peer->tcp.data = peer;
  const auto allocate = [](uv_handle_t*, std::size_t, uv_buf_t* buffer) {
    static char block[4'096];
    *buffer = uv_buf_init(block, sizeof block);
  };
  uv_read_start(stream(&peer->tcp), allocate, on_read);
}

// The backend: answers each request with the same line.
void on_backend_read(uv_stream_t* from, ssize_t count, const uv_buf_t* buffer) {
  auto* peer = static_cast<Peer*>(from->data);
  if (count < 0) {
    close_handle(&peer->tcp, [](uv_handle_t* closed) { delete static_cast<Peer*>(closed->data); });
    return;
  }
  peer->received.append(buffer->base, static_cast<std::size_t>(count));
  if (!peer->received.ends_with("\r\n\r\n")) return;
  peer->received.clear();
  send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n");
}

std::uint16_t start_backend(uv_loop_t* loop, uv_tcp_t* listener) {
  sockaddr_in address = loopback(0);
  uv_tcp_init(loop, listener);
  uv_tcp_bind(listener, reinterpret_cast<const sockaddr*>(&address), 0);
  const auto on_connection = [](uv_stream_t* server, int) {
    auto peer = std::make_unique<Peer>();
    uv_tcp_init(server->loop, &peer->tcp);
    uv_accept(server, stream(&peer->tcp));
    read_into(peer.release(), on_backend_read);
  };
  check(uv_listen(stream(listener), 16, on_connection) == 0, "the backend cannot listen");
  int length = sizeof address;
  uv_tcp_getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

// The host: a program with a loop and a timer, and now also a proxy.
struct Host {
  uv_loop_t loop{};
  uv_timer_t heartbeat{};
  uv_tcp_t backend{};
  uv_connect_t connecting{};
  Peer client;
  int heartbeats = 0;
  std::unique_ptr<evenkeel::HttpProxy> proxy;

  static Host& of(void* data) { return *static_cast<Host*>(data); }

  void start_heartbeat() {
    uv_timer_init(&loop, &heartbeat);
    heartbeat.data = this;
    const auto beat = [](uv_timer_t* timer) {
      // A program that hangs is no example.
      check(++of(timer->data).heartbeats < 1'000, "nothing happened for 10 s");
    };
    uv_timer_start(&heartbeat, beat, 0, 10);
  }

  void send_request() {
    uv_tcp_init(&loop, &client.tcp);
    connecting.data = this;
    const sockaddr_in address = loopback(proxy->port());
    const auto on_connected = [](uv_connect_t* request, int status) {
      check(status == 0, "cannot connect to the proxy");
      Host& host = of(request->data);
      read_into(&host.client, on_response);
      host.client.tcp.data = &host;
      send(&host.client, "GET / HTTP/1.1\r\nHost: example.test\r\n\r\n");
    };
    uv_tcp_connect(&connecting, &client.tcp, reinterpret_cast<const sockaddr*>(&address), on_connected);
  }

  static void on_response(uv_stream_t* from, ssize_t count, const uv_buf_t* buffer) {
    Host& host = of(from->data);
    check(count >= 0, "the proxy hung up");
    host.client.received.append(buffer->base, static_cast<std::size_t>(count));
    if (host.client.received.ends_with("\r\n\r\nhello\n")) host.stop();
  }

  // First the proxy ends what is under way, then the host takes its own things down.
  void stop() {
    close_handle(&client.tcp);
    proxy->drain([this] {
      proxy->close([this] {
        close_handle(&backend);
        close_handle(&heartbeat);
      });
    });
  }
};

}  // namespace

int main() {
  // A proxy's host must: see http_proxy.hpp.
  std::signal(SIGPIPE, SIG_IGN);
  Host host;
  uv_loop_init(&host.loop);
  const std::uint16_t backend_port = start_backend(&host.loop, &host.backend);
  host.start_heartbeat();

  const evenkeel::SteadyClock clock;
  evenkeel::LogSink silent;
  evenkeel::TargetPool pool({}, clock);
  const auto target = evenkeel::Target::parse("http://127.0.0.1:" + std::to_string(backend_port));
  check(target && pool.add(*target, evenkeel::Health::up), "the target was not added");

  auto strategy = (*evenkeel::find_strategy("roundrobin"))({});
  host.proxy = std::make_unique<evenkeel::HttpProxy>(&host.loop, pool, std::move(strategy),
                                                     evenkeel::HttpOptions{}, silent);
  const auto listening = host.proxy->listen({.host = "127.0.0.1", .port = 0});
  check(listening.has_value(), "the proxy cannot listen");
  pool.subscribe([&host] { host.proxy->wake(); });

  host.send_request();
  uv_run(&host.loop, UV_RUN_DEFAULT);  // ends by itself: every handle is closed

  std::cout << host.client.received;
  check(host.client.received.starts_with("HTTP/1.1 200 "), "not the answer that was expected");
  check(host.heartbeats > 0, "the host's timer stood still");
  check(host.proxy->stats().requests == 1, "the proxy counted something else");
  host.proxy.reset();  // before the loop, the pool and the log
  check(uv_loop_close(&host.loop) == 0, "the loop still had handles");
  return 0;
}
