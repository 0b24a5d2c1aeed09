// Who is asked who a client is.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "evenkeel/identity.hpp"

#include "tailnet/local.hpp"

namespace evenkeel::tailnet {

// Thread rule: that of the cache that asks.
class WhoisAsker {
 public:
  // Null when nobody is known there.
  using Reply = LocalResult<std::shared_ptr<const Identity>>;
  using Done = std::function<void(Reply)>;

  // A question under way. Destroying it cancels, also from within its own callback; before its asker.
  class Call {
   public:
    Call() noexcept = default;
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    virtual ~Call() = default;
  };

  virtual ~WhoisAsker() = default;
  // `port` 0: whatever the port. `done` comes once, from the loop, never within this call. Throws
  // std::bad_alloc.
  virtual std::unique_ptr<Call> ask(const std::string& ip, std::uint16_t port, Done done) = 0;
};

std::unique_ptr<WhoisAsker> make_tailscaled_asker(LocalApi api);

}  // namespace evenkeel::tailnet
