// bench_ws_echo PORT...: answers WebSocket handshakes on 127.0.0.1 and sends small frames back, until it is
// killed. Anything else closes the connection.
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <strings.h>
#include <utility>
#include <vector>

#include <llhttp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <uv.h>

#include "load/connection.hpp"
#include "load/websocket.hpp"
#include "loopback.hpp"

namespace bench = evenkeel::bench;
namespace ws = evenkeel::bench::ws;

namespace {

std::string accept_value_of(std::string key) {
  key += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455, section 1.3
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  std::array<unsigned char, 4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1> text{};
  const int length = EVP_EncodeBlock(text.data(), digest.data(), SHA_DIGEST_LENGTH);
  return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length)};
}

// The Sec-WebSocket-Key of a whole request head that asks for an upgrade.
std::optional<std::string> key_of(std::string_view head) {
  struct Found {
    std::string name;
    std::string key;
  } found;
  llhttp_settings_t settings{};
  settings.on_header_field = [](llhttp_t* parser, const char* at, std::size_t length) {
    static_cast<Found*>(parser->data)->name.append(at, length);
    return 0;
  };
  settings.on_header_value = [](llhttp_t* parser, const char* at, std::size_t length) {
    auto* into = static_cast<Found*>(parser->data);
    constexpr std::string_view wanted = "sec-websocket-key";
    const bool is_key =
        into->name.size() == wanted.size() && ::strcasecmp(into->name.c_str(), wanted.data()) == 0;
    if (is_key) into->key.append(at, length);
    return 0;
  };
  settings.on_header_value_complete = [](llhttp_t* parser) {
    static_cast<Found*>(parser->data)->name.clear();
    return 0;
  };
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  parser.data = &found;
  if (llhttp_execute(&parser, head.data(), head.size()) != HPE_PAUSED_UPGRADE || found.key.empty()) {
    return std::nullopt;
  }
  return found.key;
}

// Owns itself, until its client leaves.
class Echo final : public bench::Connection {
 public:
  using Connection::Connection;

  void on_readable() override {
    char bytes[4'096];
    const ssize_t count = read(bytes);
    if (count == 0) return;
    if (count > 0) unread_.append(bytes, static_cast<std::size_t>(count));
    if (count < 0 || !(open_ ? echo() : shake_hands())) delete this;
  }

 private:
  bool shake_hands() {
    if (!unread_.ends_with("\r\n\r\n")) return unread_.size() < 16'384;
    const auto key = key_of(unread_);
    unread_.clear();
    open_ = key.has_value();
    return open_ && write(
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: " +
                        accept_value_of(*key) + "\r\n\r\n");
  }

  // Every whole frame that has come.
  bool echo() {
    constexpr std::size_t head_size = 6;  // two bytes and the key
    std::string answers;
    while (unread_.size() >= head_size) {
      const auto size = static_cast<unsigned char>(unread_[1]) & 0x7FU;
      if (unread_[0] != ws::binary_frame || (unread_[1] & ws::masked) == 0 || size > ws::most_bytes)
        return false;
      if (unread_.size() < head_size + size) break;
      std::string payload = unread_.substr(head_size, size);
      ws::mask(payload, std::string_view(unread_).substr(2, 4));
      answers += ws::frame(std::move(payload));
      unread_.erase(0, head_size + size);
    }
    return answers.empty() || write(answers);
  }

  std::string unread_;
  bool open_ = false;
};

class Listener final : public bench::Connection {
 public:
  Listener(uv_loop_t* loop, evenkeel::net::Fd fd) : Connection(loop, std::move(fd)), loop_(loop) {}

  void on_readable() override {
    evenkeel::net::Fd accepted(::accept4(fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) new Echo(loop_, std::move(accepted));
  }

 private:
  uv_loop_t* loop_;
};

}  // namespace

int main(int argc, char** argv) {
  uv_loop_t* loop = uv_default_loop();
  std::vector<std::unique_ptr<Listener>> listeners;
  for (int i = 1; i < argc; ++i) {
    const auto port = bench::port_of(argv[i]);
    if (!port) return std::fprintf(stderr, "bench_ws_echo: %s is not a port\n", argv[i]), 2;
    auto fd = bench::listen_on(*port);
    if (!fd) return std::perror("bench_ws_echo: listen"), 3;
    listeners.push_back(std::make_unique<Listener>(loop, std::move(fd)));
  }
  if (listeners.empty()) return std::fprintf(stderr, "usage: bench_ws_echo PORT...\n"), 2;
  uv_run(loop, UV_RUN_DEFAULT);
}
