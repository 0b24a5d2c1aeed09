// Who a client on a tailnet is, and where that is found out.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"

namespace evenkeel {

// What the tailnet says of a client's node and the user it belongs to. A node with tags belongs to no
// user: what stands in `login` then ("tagged-devices") is nobody's name.
//
// The strings are what control server and user have chosen: they may hold any byte.
struct Identity {
  std::string id;                         // the user's number, "userid:123"
  std::string login;                      // "alice@example.com"
  std::string name;                       // "Alice Smith"
  std::string picture;                    // URL of the user's picture, or empty
  std::string node;                       // "laptop.tail1234.ts.net"
  std::vector<std::string> tags;          // "tag:web"
  std::vector<std::string> groups;        // "group:eng"; most control servers tell none
  std::vector<std::string> capabilities;  // what the policy grants it on this node, "example.com/cap/web"

  [[nodiscard]] bool tagged() const noexcept { return !tags.empty(); }
  friend bool operator==(const Identity&, const Identity&) = default;
};

// Which names a request tells its target the client's identity by. A set of flags.
enum class IdentityHeaders : std::uint8_t {
  none = 0,
  tailscale = 1,  // those of `tailscale serve`: Tailscale-User-Login, ...
  tsdproxy = 2,   // those of TSDProxy: x-tsdproxy-username, Remote-User, ...
};

constexpr IdentityHeaders operator|(IdentityHeaders a, IdentityHeaders b) noexcept {
  return static_cast<IdentityHeaders>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr bool has(IdentityHeaders set, IdentityHeaders flag) noexcept {
  return (static_cast<std::uint8_t>(set) & static_cast<std::uint8_t>(flag)) != 0;
}

// Thread rule: one for each loop, used on its thread.
class EVENKEEL_API IdentitySource {
 public:
  // Null when the tailnet does not know the address. An Error when it could not be asked: who must know
  // has to refuse the client then.
  using Who = Result<std::shared_ptr<const Identity>>;
  struct Answer {
    Who who;
    std::chrono::milliseconds keep{0};  // so long it may be taken to be true
  };
  using Callback = std::function<void(Answer)>;

  // A question that waits for its answer. Destroying it cancels: the callback does not come any more.
  // It may be destroyed at any time, also from within its own callback, and after its source.
  class EVENKEEL_API Pending {
   public:
    Pending() noexcept = default;
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;
    virtual ~Pending();
  };
  using Query = std::unique_ptr<Pending>;

  virtual ~IdentitySource();

  // Asks who `ip` ("100.64.0.7", "fd7a:115c:a1e0::7") with its `port` is. `done` comes at most once: within
  // this call when the answer is known already (the Query is null then), else from the loop. It may ask
  // again; it must not destroy the source. Nothing is thrown: without memory the answer is an Error.
  [[nodiscard]] virtual Query identify(std::string_view ip, std::uint16_t port, Callback done) noexcept = 0;
};

}  // namespace evenkeel
