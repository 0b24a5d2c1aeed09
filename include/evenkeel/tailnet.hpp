// Ports on a tailnet: what a spec says of it, and the machine's tailscaled.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/clock.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/identity.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/tls.hpp"

struct uv_loop_s;

namespace evenkeel {

enum class TailnetMode : std::uint8_t {
  off,
  host,  // the machine's own node, by its tailscaled
  node,  // a node of the proxy's own, inside this process
};

// What the spec says of a port's tailnet.
struct TailnetSpec {
  TailnetMode mode = TailnetMode::off;
  // host:
  std::string socket{};   // of tailscaled; where it usually is when empty
  std::string service{};  // "svc:web": a Tailscale Service to advertise while the port has a usable target
  // node:
  std::string hostname{};     // on the tailnet
  std::string auth_key{};     // "file:PATH" or "env:NAME"; none: a person logs the node in
  std::string state_dir{};    // the node's own (a spec's, and the hostname); empty: in memory, ephemeral only
  bool ephemeral = false;     // the tailnet forgets the node soon after it goes
  std::string control_url{};  // Tailscale's own when empty
  std::vector<std::string> tags{};
  bool funnel = false;  // https ports: also from the internet
  friend bool operator==(const TailnetSpec&, const TailnetSpec&) = default;
};

// What the machine's node is at the moment, as far as its ports go by it.
struct TailnetStatus {
  bool running = false;    // in the tailnet, with addresses
  bool userspace = false;  // the addresses are tailscaled's alone: it brings connections to 127.0.0.1 instead
  std::string problem{};   // what is wrong, and what a person can do; empty when nothing is
  std::string auth_url{};  // where a person lets the node in, when that is what it waits for
  std::vector<std::string> addresses{};            // IP literals
  std::string name{};                              // "host.tail1234.ts.net"
  std::string suffix{};                            // "tail1234.ts.net"
  std::vector<std::string> certificate_domains{};  // none: the tailnet has HTTPS switched off
  bool tagged = false;                             // only tagged nodes may advertise services
  friend bool operator==(const TailnetStatus&, const TailnetStatus&) = default;
};

struct TailnetHostOptions {
  std::string socket{};  // of tailscaled; where it usually is when empty
  // Doubled after each failure in a row, up to the second.
  std::chrono::milliseconds first_retry{500};
  std::chrono::milliseconds last_retry{15'000};
  std::chrono::milliseconds certificate_check{std::chrono::hours(6)};  // whether one has to be renewed
  std::chrono::hours certificate_validity{24 * 30};                    // renewed when less is left
  std::chrono::milliseconds certificate_timeout{180'000};              // getting a new one takes a while
  std::chrono::milliseconds certificate_first_retry{5'000};
  std::chrono::milliseconds certificate_last_retry{3'600'000};
};

// One port of a Tailscale Service and where tailscaled sends its connections.
struct TailnetServicePort {
  std::uint16_t port = 0;
  std::string forward{};     // "127.0.0.1:8443"
  bool proxy_header = true;  // each starts with a PROXY protocol header, version 2
  friend bool operator==(const TailnetServicePort&, const TailnetServicePort&) = default;
};

// The machine's node, by the LocalAPI of its tailscaled: what it is, certificates for its names, services. It
// never gives up: tailscaled may be started later, stop and come back. One a process and tailscaled.
//
// Thread rule: everything on the loop's thread. Lifetime: loop and log outlive it; close(), run the loop
// until the callback came, then destroy it. No callback comes within a call that this class is given it by,
// and none may destroy it.
class EVENKEEL_API TailnetHost {
 public:
  using StatusCallback = std::function<void(const TailnetStatus&)>;

  // Throws std::bad_alloc, as everything here.
  TailnetHost(uv_loop_s* loop, TailnetHostOptions options, LogSink& log);
  ~TailnetHost();
  TailnetHost(const TailnetHost&) = delete;
  TailnetHost& operator=(const TailnetHost&) = delete;

  // `changed` comes once the status is known, also when that is a problem, and at each change. Once.
  void start(StatusCallback changed);
  [[nodiscard]] const TailnetStatus& status() const noexcept;

  // Keeps `server` in certificates for these domains, the first one for clients that name none: gets them,
  // renews them in time, goes on with the old ones when that fails, and logs it. `ready`, which may be
  // empty, comes when `server` has its first one. Said again for a server: these domains instead.
  void keep_certificates(std::vector<std::string> domains, std::shared_ptr<TlsServer> server,
                         std::function<void()> ready);

  // Whether this host takes connections to a service ("svc:web"). Each works towards what was said last,
  // and tries again by itself; withdrawn services let connections that stand go on.
  void advertise(std::string_view service, std::vector<TailnetServicePort> ports);
  void withdraw(std::string_view service);
  // `server` keeps what it has, and its `ready` does not come any more.
  void forget_certificates(const TlsServer& server);

  // Others may have changed what tailscaled serves, of which it tells only a part: looks again.
  void check_services();
  // `settled` comes when tailscaled has what was said; at once, if it does. The one said last counts.
  void on_settled(std::function<void()> settled);

  // Ends what is under way; services stay as they are. `closed` comes from the loop. Idempotent.
  void close(std::function<void()> closed);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Who the clients of one loop are, by whois of the tailscaled at `socket` (where it usually is when empty),
// kept for half a minute. Bounded. Destroy it on the loop's thread, and let the loop run on until its handles
// are gone; `clock` outlives it. Throws std::bad_alloc.
// `loopback`: clients on loopback are asked about, too, as they have to be under userspace networking. Under
// another that holds tailscaled up for 180 ms each (tailscale#1616).
EVENKEEL_API std::shared_ptr<IdentitySource> make_identity_source(uv_loop_s* loop, std::string_view socket,
                                                                  const Clock& clock, bool loopback = true);

}  // namespace evenkeel
