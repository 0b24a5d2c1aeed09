// Names to addresses, off the loop's thread, with the last good answer kept.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <uv.h>

#include "evenkeel/error.hpp"
#include "evenkeel/target.hpp"

#include "net/address.hpp"

namespace evenkeel::net {

// The addresses a target can be connected at: at once for a literal or a Unix socket (and `done` is
// called before resolve() returns), else by getaddrinfo in libuv's thread pool. A host file entry or
// a DNS answer can hold several; they come in the order of preference of RFC 6724.
using ResolveDone = std::function<void(Result<std::vector<SocketAddress>>)>;

// Owns one lookup under way. Destroying it forgets the answer: `done` is not called any more.
class Lookup {
 public:
  Lookup() noexcept = default;
  Lookup(Lookup&&) noexcept = default;
  Lookup& operator=(Lookup&& other) noexcept;
  ~Lookup();

  [[nodiscard]] bool under_way() const noexcept { return request_ != nullptr && !request_->finished; }

  static Lookup start(uv_loop_t* loop, const Target& target, ResolveDone done);

 private:
  struct Request {
    uv_getaddrinfo_t uv{};
    ResolveDone done;
    std::uint16_t port = 0;
    bool finished = false;
  };
  static void on_answer(uv_getaddrinfo_t* uv, int status, addrinfo* list);

  // Shared with libuv, which needs the request until its callback, even when nobody waits any more.
  std::shared_ptr<Request> request_;
};

}  // namespace evenkeel::net
