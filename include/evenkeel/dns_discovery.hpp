// Targets by name: every address that DNS has for a name is a target, and they change as its records do.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/target.hpp"

struct uv_loop_s;

namespace evenkeel {

enum class AddressFamily : std::uint8_t { ipv4, ipv6 };

struct DnsOptions {
  // "10.0.0.53", "10.0.0.53:5353", "[fd00::53]:53", asked in this order; those of the system when empty.
  std::vector<std::string> servers;
  std::chrono::milliseconds timeout{2'000};  // of a server's first try; each is tried twice
  // How long an answer serves before it is asked for again: its TTL, within these. A failure is tried again
  // after the least time, then twice that, up to the most.
  std::chrono::milliseconds min_ttl{1'000};
  std::chrono::milliseconds max_ttl{60'000};
  // Of a name that has both kinds: a machine with two addresses is one target. The other kind is used when
  // there is none of this.
  AddressFamily prefer = AddressFamily::ipv4;
  std::size_t max_addresses = 256;  // of one name; more are left out
  friend bool operator==(const DnsOptions&, const DnsOptions&) = default;
};

// Follows names by A, AAAA and SRV records (RFC 1035, 3596, 2782) and the system's hosts file, through
// c-ares. A name that fails (no such name, no answer, no address) keeps what it had last.
//
// Of an SRV name each record is a target: its port, its weight (0 is taken for 1) times that of the name, and
// its priority as a tier, in the order of priorities from the tier of the name on.
//
// Thread rule: the loop's. Lifetime: loop and log outlive it; the loop runs until the handles that the
// destructor lets go of are gone. It may not be destroyed from within `changed`.
class EVENKEEL_API DnsDiscovery {
 public:
  // Some name stands for other targets than before, or its first look-up has failed.
  using Changed = std::function<void()>;

  // invalid_argument: a server is not an address. system: the system's settings cannot be read.
  [[nodiscard]] static Result<std::unique_ptr<DnsDiscovery>> make(uv_loop_s* loop, DnsOptions options,
                                                                  LogSink& log, Changed changed);
  ~DnsDiscovery();
  DnsDiscovery(const DnsDiscovery&) = delete;
  DnsDiscovery& operator=(const DnsDiscovery&) = delete;

  // Follows the names among these, from now on, and no others. Literals, Unix sockets and "localhost" are
  // nothing to follow. `changed` may come from within. O(names * log names).
  void follow(std::span<const Target> targets);

  // What these stand for now, each target once. A name is itself until its first answer came; an SRV name is
  // nothing until then. What is not followed is itself. O(targets out).
  [[nodiscard]] std::vector<Target> expand(std::span<const Target> targets) const;

  // Whether one of these is followed and was neither answered nor has failed yet.
  [[nodiscard]] bool is_waiting(std::span<const Target> targets) const;

 private:
  struct Impl;
  explicit DnsDiscovery(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace evenkeel
