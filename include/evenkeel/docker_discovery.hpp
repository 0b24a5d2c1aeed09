// Ports from the labels of Docker containers: replicas that share a name are the targets of one pool.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/config.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/log.hpp"

struct uv_loop_s;

namespace evenkeel {

// What is wrong with a label, and with whose.
struct DockerProblem {
  std::string container;
  std::string label;
  std::string problem;
  std::string expected;
  friend auto operator<=>(const DockerProblem&, const DockerProblem&) = default;
};

// One port of a proxy, as a part of a spec; parse_config() is to judge it.
struct DockerPort {
  struct Origin {
    std::string container;
    std::string label;
    friend bool operator==(const Origin&, const Origin&) = default;
  };
  std::string proxy;  // "web"
  std::string key;    // "80/http"
  SpecFragment fragment;
  std::map<std::string, Origin>
      origins;  // by pointer, "/proxies/web/ports/80~1http"; "" for what is not there

  // Who has written what an error of the fragment is about. Its pointer begins with the fragment's name.
  [[nodiscard]] EVENKEEL_API DockerProblem blame(const SpecError& error) const;
  // The same without the targets that these errors are in. nullopt when none is left, or an error is about
  // something else.
  [[nodiscard]] EVENKEEL_API std::optional<DockerPort> without(std::span<const SpecError> errors) const;

  // As the spec's tailnet can have it. Where that makes no nodes, TSDProxy's labels for them are left out and
  // told of: TSDProxy always makes one, so they are there on containers that only want to be served. nullopt:
  // the proxy's name would be a node's, and cannot be.
  [[nodiscard]] EVENKEEL_API std::optional<DockerPort> fitted(const TailnetSpec& inherited,
                                                              std::vector<DockerProblem>& problems) const;

  friend bool operator==(const DockerPort& a, const DockerPort& b) {
    return a.fragment.name == b.fragment.name && a.fragment.text == b.fragment.text && a.origins == b.origins;
  }
};

// By the age of the containers that each was wanted by first: who was there first has a port that two want.
struct DockerFindings {
  std::vector<DockerPort> ports;
  std::vector<DockerProblem> problems;  // of labels that are left out
  friend bool operator==(const DockerFindings&, const DockerFindings&) = default;
};

// Follows a dockerd by its events (Engine API, unversioned paths), and lists its containers anew when one of
// them has changed, and twice a minute. While it cannot be reached what was known goes on; it is tried again
// after 1 s, up to 30 s.
//
// A container takes new work while it runs, is not paused, its HEALTHCHECK (if it has one) is passed, and
// nobody has asked it to stop; otherwise its target drains, and is gone with the container.
//
// Thread rule: the loop's. Lifetime: loop and log outlive it; the loop runs until the handles that the
// destructor lets go of are gone. It may not be destroyed from within `changed`.
class EVENKEEL_API DockerDiscovery {
 public:
  // Something is otherwise than before; the first time when dockerd has answered first.
  using Changed = std::function<void(const DockerFindings&)>;

  // Throws std::bad_alloc.
  DockerDiscovery(uv_loop_s* loop, DockerOptions options, LogSink& log, Changed changed);
  ~DockerDiscovery();
  DockerDiscovery(const DockerDiscovery&) = delete;
  DockerDiscovery& operator=(const DockerDiscovery&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evenkeel
