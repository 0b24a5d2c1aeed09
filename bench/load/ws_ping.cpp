// bench_ws_ping PORT CONNECTIONS SECONDS PAYLOAD_BYTES: each connection sends one masked frame, waits for
// its echo, and sends the next. Prints {"messages": N, "errors": N, "seconds": S}.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <uv.h>

#include "load/connection.hpp"
#include "load/websocket.hpp"
#include "loopback.hpp"

namespace bench = evenkeel::bench;

namespace {

// The example of RFC 6455, section 1.3, so that the answer is known without a hash function here.
constexpr std::string_view handshake =
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
constexpr std::string_view accept_value = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

struct Tally {
  std::string ping;
  std::string pong;
  std::uint64_t messages = 0;
  std::uint64_t errors = 0;
};

class Pinger final : public bench::Connection {
 public:
  Pinger(uv_loop_t* loop, evenkeel::net::Fd fd, Tally& tally)
      : Connection(loop, std::move(fd)), tally_(tally) {
    if (!write(handshake)) fail();
  }

  void on_readable() override {
    char bytes[2'048];
    const ssize_t count = read(bytes);
    if (count == 0) return;
    if (count < 0) return fail();
    answer_.append(bytes, static_cast<std::size_t>(count));
    if (!open_) {
      if (!answer_.ends_with("\r\n\r\n")) return;
      open_ = answer_.starts_with("HTTP/1.1 101 ") && answer_.contains(accept_value);
      if (!open_) return fail();
    } else {
      if (answer_.size() < tally_.pong.size()) return;
      if (answer_ != tally_.pong) return fail();
      ++tally_.messages;
    }
    answer_.clear();
    if (!write(tally_.ping)) fail();
  }

 private:
  void fail() {
    ++tally_.errors;
    stop();
  }

  Tally& tally_;
  std::string answer_;
  bool open_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc == 5 ? bench::port_of(argv[1]) : std::nullopt;
  const auto connections = argc == 5 ? bench::number_of<unsigned>(argv[2]) : std::nullopt;
  const auto seconds = argc == 5 ? bench::number_of<unsigned>(argv[3]) : std::nullopt;
  const auto size = argc == 5 ? bench::number_of<unsigned>(argv[4]) : std::nullopt;
  if (!port || !connections || !seconds || !size || *size > bench::ws::most_bytes) {
    std::fprintf(stderr, "usage: bench_ws_ping PORT CONNECTIONS SECONDS PAYLOAD_BYTES\n");
    return 2;
  }
  const std::string payload(*size, 'x');
  Tally tally{.ping = bench::ws::frame(payload, "mask"), .pong = bench::ws::frame(payload)};

  uv_loop_t* loop = uv_default_loop();
  std::vector<std::unique_ptr<Pinger>> pingers;
  for (unsigned i = 0; i < *connections; ++i) {
    auto fd = bench::connect_to(*port);
    if (!fd) return std::perror("bench_ws_ping: connect"), 3;
    pingers.push_back(std::make_unique<Pinger>(loop, std::move(fd), tally));
  }
  uv_timer_t end;
  uv_timer_init(loop, &end);
  uv_timer_start(&end, [](uv_timer_t* timer) { uv_stop(timer->loop); }, std::uint64_t{*seconds} * 1'000, 0);
  const std::uint64_t start_ns = uv_hrtime();
  uv_run(loop, UV_RUN_DEFAULT);
  std::printf("{\"messages\": %llu, \"errors\": %llu, \"seconds\": %.3f}\n",
              static_cast<unsigned long long>(tally.messages), static_cast<unsigned long long>(tally.errors),
              static_cast<double>(uv_hrtime() - start_ns) / 1e9);
}
