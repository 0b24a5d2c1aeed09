// Questions to DNS, on the loop.
#pragma once

// Newer versions have successors of what is used here, which Debian 12's has not.
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <uv.h>

#include "evenkeel/dns_discovery.hpp"

#include "net/uv_handle.hpp"

namespace evenkeel::discovery {

struct DnsFailure {
  std::string reason;
  bool no_server = false;  // none has answered: perhaps they are others by now
};

template <class T>
struct DnsAnswer {
  std::vector<T> records;
  std::chrono::seconds ttl;  // the least of them
};

struct ServiceRecord {  // RFC 2782
  std::string host;
  std::uint16_t port = 0;
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
};

template <class T>
using DnsDone = std::function<void(std::expected<DnsAnswer<T>, DnsFailure>)>;

// A question under way. Destroying it forgets the answer.
class [[nodiscard]] DnsCall {
 public:
  struct Question {
    virtual ~Question() = default;
    bool is_wanted = true;
  };
  DnsCall() noexcept = default;
  explicit DnsCall(std::shared_ptr<Question> question) noexcept : question_(std::move(question)) {}
  DnsCall(DnsCall&&) noexcept = default;
  DnsCall& operator=(DnsCall&& other) noexcept {
    forget();
    question_ = std::move(other.question_);
    return *this;
  }
  ~DnsCall() { forget(); }

 private:
  void forget() noexcept {
    if (question_) question_->is_wanted = false;
  }
  std::shared_ptr<Question> question_;
};

// c-ares, driven by libuv. Answers may come from within the question: for names of the hosts file, or that
// are none.
class DnsChannel {
 public:
  static Result<std::unique_ptr<DnsChannel>> open(uv_loop_t* loop, const DnsOptions& options);
  // What is under way fails now. Not from within an answer.
  ~DnsChannel();
  DnsChannel(const DnsChannel&) = delete;
  DnsChannel& operator=(const DnsChannel&) = delete;

  // Addresses as text, of the preferred family; of the other one where it is certain that there are none.
  DnsCall addresses(const std::string& name, DnsDone<std::string> done);
  DnsCall services(const std::string& name, DnsDone<ServiceRecord> done);
  // Nothing is under way.
  [[nodiscard]] bool is_idle() const noexcept { return under_way_ == 0; }

 private:
  DnsChannel(uv_loop_t* loop, const DnsOptions& options) : loop_(loop), prefer_(options.prefer) {}
  Result<void> start(const DnsOptions& options);
  void on_socket(ares_socket_t socket, bool reads, bool writes);
  void on_ready(ares_socket_t socket, int status, int events);
  void arm();

  uv_loop_t* const loop_;
  const AddressFamily prefer_;
  ares_channel channel_ = nullptr;
  std::size_t under_way_ = 0;
  std::map<ares_socket_t, net::UvHandle<uv_poll_t>> watches_;
  net::UvHandle<uv_timer_t> timer_;
};

}  // namespace evenkeel::discovery
