// Stands in for tailscaled: a server on a Unix socket, on the test's own loop, that says whatever a test
// wants.
#pragma once

#include <cstdlib>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <uv.h>

#include "net/address.hpp"
#include "net/fd.hpp"
#include "net/socket.hpp"
#include "net/uv_handle.hpp"

namespace evenkeel::test {

// A directory of a test's own.
class Directory {
 public:
  Directory() {
    const char* parent = std::getenv("TMPDIR");
    path_ = std::string(parent == nullptr ? "/tmp" : parent) + "/evenkeel-tailnet-XXXXXX";
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
  }
  ~Directory() {
    ::unlink(socket().c_str());
    ::rmdir(path_.c_str());
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string socket() const { return path_ + "/tailscaled.sock"; }

 private:
  std::string path_;
};

inline std::string http_answer(int status, std::string_view body, std::string_view fields = {}) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " Something\r\n";
  return text.append(fields).append("Content-Length: ") + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

class StandIn {
 public:
  struct Peer {
    std::string request;  // the whole of it, once it is answered
    net::Fd fd;
    net::UvHandle<uv_poll_t> poll;  // after fd
    StandIn* server = nullptr;
    bool asked = false;
    bool gone = false;

    void say(std::string_view text) const {
      while (!text.empty()) {
        const ssize_t sent = ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;  // the asker has gone, or a test that says too much
        text.remove_prefix(static_cast<std::size_t>(sent));
      }
    }
    void hang_up() {
      poll.reset();
      fd.reset();
    }
    void answer(std::string_view text) {
      say(text);
      hang_up();
    }
    [[nodiscard]] std::string body() const { return request.substr(request.find("\r\n\r\n") + 4); }
    [[nodiscard]] bool is(std::string_view line) const { return request.starts_with(line); }
    [[nodiscard]] bool has(std::string_view text) const { return request.contains(text); }
  };

  StandIn(uv_loop_t* loop, const std::string& path, std::function<void(Peer&)> script)
      : loop_(loop), script_(std::move(script)) {
    const auto address = net::unix_address(path);
    REQUIRE(address);
    auto listener = net::listen_stream(*address, {});
    REQUIRE(listener);
    listener_ = std::move(*listener);
    poll_ = net::make_handle<uv_poll_t>(uv_poll_init, loop_, listener_.get());
    poll_->data = this;
    uv_poll_start(poll_.get(), UV_READABLE, [](uv_poll_t* handle, int, int) {
      if (handle->data != nullptr) static_cast<StandIn*>(handle->data)->accept();
    });
  }

  void set_script(std::function<void(Peer&)> script) { script_ = std::move(script); }
  [[nodiscard]] std::size_t requests() const { return requests_; }
  [[nodiscard]] std::list<Peer>& peers() { return peers_; }
  // Connections that the asker has not closed.
  [[nodiscard]] std::size_t open() const {
    std::size_t count = 0;
    for (const Peer& peer : peers_) count += peer.fd && !peer.gone ? 1U : 0U;
    return count;
  }

 private:
  void accept() {
    while (auto accepted = net::accept_stream(listener_.get())) {
      Peer& peer = peers_.emplace_back();
      peer.fd = std::move(accepted->fd);
      peer.server = this;
      peer.poll = net::make_handle<uv_poll_t>(uv_poll_init, loop_, peer.fd.get());
      peer.poll->data = &peer;
      uv_poll_start(peer.poll.get(), UV_READABLE, [](uv_poll_t* handle, int, int) {
        auto* its = static_cast<Peer*>(handle->data);
        if (its != nullptr) its->server->read(*its);
      });
    }
  }

  void read(Peer& peer) {
    char bytes[65'536];
    const ssize_t got = ::recv(peer.fd.get(), bytes, sizeof bytes, 0);
    if (got < 0) return;
    if (got == 0) {
      peer.gone = true;
      uv_poll_stop(peer.poll.get());
      return;
    }
    peer.request.append(bytes, static_cast<std::size_t>(got));
    if (peer.asked || !is_whole(peer.request)) return;
    peer.asked = true;
    ++requests_;
    script_(peer);
  }

  static bool is_whole(const std::string& request) {
    const std::size_t head = request.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const std::size_t field = request.find("Content-Length: ");
    const std::size_t length = field < head ? std::strtoul(request.c_str() + field + 16, nullptr, 10) : 0;
    return request.size() >= head + 4 + length;
  }

  uv_loop_t* loop_;
  std::function<void(Peer&)> script_;
  net::Fd listener_;
  net::UvHandle<uv_poll_t> poll_;
  std::list<Peer> peers_;
  std::size_t requests_ = 0;
};

}  // namespace evenkeel::test
