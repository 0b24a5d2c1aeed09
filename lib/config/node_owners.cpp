#include "config/node_owners.hpp"

#include <fmt/format.h>

namespace evenkeel::config {
namespace {

bool is_same_node(const TailnetSpec& a, const TailnetSpec& b) noexcept {
  return a.hostname == b.hostname && a.control_url == b.control_url;
}

// Funnel is each port's own.
bool says_the_same(TailnetSpec a, const TailnetSpec& b) {
  a.funnel = b.funnel;
  return a == b;
}

}  // namespace

void NodeOwners::add(const TailnetSpec& node, const Cursor& at) {
  for (const Owner& owner : owners_) {
    if (is_same_node(owner.node, node)) {
      if (says_the_same(owner.node, node)) return;
      return at.fail(fmt::format("says other things of the node {} than {}", node.hostname, owner.pointer),
                     "the same \"tailnet\" for all ports of a node, but for \"funnel\"");
    }
    if (!node.state_dir.empty() && owner.node.state_dir == node.state_dir) {
      return at.fail(fmt::format("has the \"stateDir\" of {}, which is a node {} elsewhere", owner.pointer,
                                 owner.node.hostname),
                     "another \"stateDir\", or the same \"controlUrl\"");
    }
  }
  owners_.push_back({node, at.place().pointer});
}

}  // namespace evenkeel::config
