// A tailnet node inside this process: what the proxy serves under a name of its own on a tailnet.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/clock.hpp"
#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/identity.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/tailnet.hpp"
#include "evenkeel/tls.hpp"

struct uv_loop_s;

namespace evenkeel {

enum class TailnetState : std::uint8_t {
  starting,
  needs_login,     // a person has to go to login_url
  needs_approval,  // the tailnet's admin has to let the node in
  running,
  stopped,  // by the tailnet, or its admin
  failed,   // tried again by itself
};
EVENKEEL_API std::string_view to_string(TailnetState state) noexcept;

struct TailnetNodeStatus {
  TailnetState state = TailnetState::starting;
  std::string login_url{};                  // of needs_login
  std::vector<std::string> addresses{};     // of running: IPv4, IPv6
  std::string dns_name{};                   // of running: "app.tail1234.ts.net"
  std::vector<std::string> cert_domains{};  // names that certificates can be had for; none: HTTPS is off
  std::string error{};                      // of failed, for a person
  std::vector<std::string> health{};        // what seems to be in the way
  friend bool operator==(const TailnetNodeStatus&, const TailnetNodeStatus&) = default;
};

// For a person, all but the state: its name and addresses, where to log in, what is wrong.
EVENKEEL_API std::string describe(const TailnetNodeStatus& status);

struct TailnetNodeOptions {
  TailnetSpec spec;      // of it: hostname, auth_key, state_dir, ephemeral, control_url, tags
  bool verbose = false;  // what the node has to say, as "tailnet_says" log lines
  // A start that takes longer is begun anew; waiting for a person is no start.
  std::chrono::milliseconds start_limit{120'000};
  std::chrono::milliseconds first_retry{1'000};            // after a failed start; doubled each time ...
  std::chrono::milliseconds last_retry{60'000};            // ... up to this
  std::chrono::milliseconds renew{std::chrono::hours(6)};  // how often certificates are looked after
  std::chrono::milliseconds first_cert_retry{10'000};      // doubled ...
  std::chrono::milliseconds last_cert_retry{std::chrono::hours(1)};  // ... unless the CA asks for longer
};

// Who may connect to a port.
enum class TailnetReach : std::uint8_t {
  tailnet,
  internet,  // and the tailnet: Tailscale Funnel, which knows the ports 443, 8443 and 10000
};

// Comes up in the background, and again whenever it failed: the callbacks tell. Thread rule: the loop's
// thread, except identities().
// Lifetime: loop and log outlive it. close(), run the loop until the callback came, then destroy it.
//
// The Go runtime is part of a program that links it: it starts threads of its own, and installs handlers for
// SIGSEGV, SIGBUS, SIGFPE, SIGPIPE and SIGURG. The auth key is read when the node is made, or made anew after
// a start that failed, and appears in no error or log line.
class EVENKEEL_API TailnetNode {
 public:
  using OnStatus = std::function<void(const TailnetNodeStatus&)>;

  // Whether there is one: its library (Go) is loaded with the first call, and stays.
  [[nodiscard]] static bool available() noexcept;
  // Adds SA_ONSTACK to the signal handlers of the process that lack it, as Go needs: after a loop's first
  // uv_signal_start() of each signal. Does nothing in a build without nodes.
  static void signals_on_stack() noexcept;

  // Does not start it. `on_status` comes from the loop, with each change; it may close() the node. An error,
  // in words for a person, when this build has no nodes.
  static std::expected<std::unique_ptr<TailnetNode>, std::string> make(uv_loop_s* loop,
                                                                       TailnetNodeOptions options,
                                                                       LogSink& log, OnStatus on_status);
  ~TailnetNode();
  TailnetNode(const TailnetNode&) = delete;
  TailnetNode& operator=(const TailnetNode&) = delete;

  // Once.
  void start();
  [[nodiscard]] const TailnetNodeStatus& status() const noexcept;

  // A port of the node, as a descriptor for Proxy::attach() (dup(2) for several loops). From `running` on;
  // it outlives new starts. That it cannot be bound is told to the log. The caller closes it, which closes
  // the port. invalid_argument, out_of_descriptors, system.
  Result<int> listen(std::uint16_t port, TailnetReach reach);
  Result<int> listen_packet(std::uint16_t port);
  // Why a port that was asked for cannot be bound, for a person; empty when it can, or nobody knows
  // yet.
  [[nodiscard]] std::string listen_error(std::uint16_t port) const;
  [[nodiscard]] std::string listen_packet_error(std::uint16_t port) const;

  // Has `server` show the node's certificate, and keeps it fresh. `ready` comes from the loop once it is
  // there.
  void serve_certificate(std::shared_ptr<TlsServer> server, std::function<void()> ready);
  // `server` keeps what it has, and its `ready` does not come any more.
  void forget_certificate(const TlsServer& server);

  // Who the node's clients are, for the proxies of another loop (or this one), with answers kept for 30 s.
  // Any thread, also after close(): there is no answer then but an Error. `clock` outlives it; on that loop's
  // thread it is used and destroyed, and the loop turns once more for its handle to go.
  [[nodiscard]] std::unique_ptr<IdentitySource> identities(uv_loop_s* loop, const Clock& clock) const;

  // The node leaves its tailnet, which can take some seconds for an ephemeral one; `closed` comes from the
  // loop when nothing is left of it. Once.
  void close(std::function<void()> closed);

  struct Impl;
  explicit TailnetNode(std::unique_ptr<Impl> impl) noexcept;  // for make()

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace evenkeel
