// What the embedded node tells: a line of its event stream.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "evenkeel/identity.hpp"
#include "evenkeel/tailnet_node.hpp"

#include "base/or_reason.hpp"

namespace evenkeel::tailnet {

struct NodeEvent {
  enum class Kind : std::uint8_t { status, complaint, listen, drops, whois, certificate, says, other };
  Kind kind = Kind::other;
  std::int64_t id = 0;         // of a listener or a question
  TailnetNodeStatus status{};  // of status
  std::string error{};         // what went wrong, for a person; empty when nothing did
  std::string text{};          // of says; of certificate: PEM, the key first
  std::uint64_t to_host = 0;   // of drops
  std::uint64_t from_host = 0;
  std::uint64_t lost = 0;                      // of says: lines that are missing before it
  std::shared_ptr<const Identity> identity{};  // of whois; null when nobody is known there
  std::chrono::seconds retry_after{0};         // of certificate
};

// Throws std::bad_alloc.
base::OrReason<NodeEvent> read_node_event(std::string_view line);

}  // namespace evenkeel::tailnet
