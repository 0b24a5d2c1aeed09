// The tailnet nodes that a spec makes, and whether what its ports say of them fits together.
#pragma once

#include <string>
#include <vector>

#include "evenkeel/tailnet.hpp"

#include "config/cursor.hpp"

namespace evenkeel::config {

// A node is its hostname on its control server. Ports that share one say the same of it, and no other node
// has its state directory: two that ran on one would be one machine in two places.
class NodeOwners {
 public:
  // Reports what does not fit at `at`, the port's value.
  void add(const TailnetSpec& node, const Cursor& at);

 private:
  struct Owner {
    TailnetSpec node;
    std::string pointer;
  };
  std::vector<Owner> owners_;
};

}  // namespace evenkeel::config
