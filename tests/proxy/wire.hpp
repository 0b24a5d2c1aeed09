// A whole proxy on a loop, with clients and targets that are sockets in the same thread: every byte, and the
// moment at which it comes, is the test's own choice. No network, no sleeping, no second thread.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "evenkeel/clock.hpp"
#include "evenkeel/http_proxy.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/target_pool.hpp"

#include "net/fd.hpp"
#include "proxy/http_core.hpp"

namespace evenkeel::test {

// The far end of one connection of the proxy: a client, or one connection of a target.
class WirePeer {
 public:
  explicit WirePeer(net::Fd fd, unsigned target = 0) noexcept : fd_(std::move(fd)), target_(target) {}

  // Says it as soon as the socket takes it.
  void say(std::string_view bytes);
  // FIN, once everything is said.
  void finish();
  // At once. With something unread the proxy sees a reset, else an end.
  void close() noexcept { fd_.reset(); }
  // Moves what can be moved, both ways; whether anything did.
  bool move();

  [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }
  [[nodiscard]] bool ended() const noexcept { return ended_; }  // the proxy sends no more
  [[nodiscard]] unsigned target() const noexcept { return target_; }

  std::string got;
  bool deaf = false;          // reads nothing
  std::size_t answered = 0;   // for a script: how many requests it has answered
  std::size_t looked_at = 0;  // for a script: how much of `got` it has judged

 private:
  bool push();
  bool pull();

  net::Fd fd_;
  std::string unsaid_;
  unsigned target_;
  bool finishing_ = false;
  bool ended_ = false;
};

// Access records, in fixed storage: writing one allocates nothing.
class RecordSink final : public LogSink {
 public:
  struct Record {
    int status = 0;
    int retries = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::string_view error;  // a name that lives for ever
    bool is_head = false;
  };
  void access(const AccessRecord& record) noexcept override;
  [[nodiscard]] std::span<const Record> records() const noexcept { return {records_.data(), count_}; }
  void clear() noexcept { count_ = 0; }

 private:
  std::array<Record, 4'096> records_;
  std::size_t count_ = 0;
};

class Wire {
 public:
  explicit Wire(const HttpOptions& options, unsigned targets = 1, std::string_view strategy = "roundrobin");
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // A new client, taken in by the proxy. Stays valid until hang_up().
  WirePeer& connect();
  // Connections that targets have accepted, the oldest first; closed ones too, until hang_up().
  [[nodiscard]] std::vector<std::unique_ptr<WirePeer>>& upstreams() noexcept { return upstreams_; }

  // Turns the loop and moves bytes until nothing moves any more. False when that does not come about.
  bool settle();
  // So much time goes by for the loop.
  void pass(std::chrono::milliseconds time);
  // Closes every far end and lets the proxy see it. False when something is left behind then.
  bool hang_up();

  [[nodiscard]] proxy::HttpCore& core() noexcept { return *core_; }
  [[nodiscard]] RecordSink& records() noexcept { return records_; }
  [[nodiscard]] TargetPool& pool() noexcept { return pool_; }

  // What a target does: called whenever its connection is new, or has got something.
  std::function<void(WirePeer&)> on_target;
  // Around everything that runs inside the proxy.
  void (*enter_proxy)() = [] {};
  void (*leave_proxy)() = [] {};

 private:
  void add_target(unsigned number);
  bool run_loop();
  bool accept_upstreams();
  [[nodiscard]] bool is_loop_idle();

  uv_loop_t loop_{};
  SteadyClock clock_;
  TargetPool pool_;
  RecordSink records_;
  std::string directory_;
  std::vector<net::Fd> listeners_;
  std::vector<std::unique_ptr<WirePeer>> clients_;
  std::vector<std::unique_ptr<WirePeer>> upstreams_;
  std::unique_ptr<proxy::HttpCore> core_;
};

}  // namespace evenkeel::test
