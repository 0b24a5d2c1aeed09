// A node's status in words for a person.
#pragma once

#include "evenkeel/tailnet.hpp"

#include "tailnet/node_status.hpp"

namespace evenkeel::tailnet {

TailnetStatus describe(const NodeStatus& node);

}  // namespace evenkeel::tailnet
