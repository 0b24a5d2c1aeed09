#include "tailnet/node_calls.hpp"

#include "tailnet/node/evenkeel_node.h"

namespace evenkeel::tailnet {

#ifdef EVENKEEL_HAVE_TAILNET_NODE

const NodeCalls* embedded_node_calls() noexcept {
  static constexpr NodeCalls calls{
      .make = ek_node_new,
      .events = ek_node_events,
      .start = ek_node_start,
      .listen = ek_node_listen,
      .listen_packet = ek_node_listen_packet,
      .whois = ek_node_whois,
      .certificate = ek_node_cert,
      .close = ek_node_close,
  };
  return &calls;
}

void embedded_node_signals_on_stack() noexcept {
  (void)ek_node_signals_on_stack();
}

#else

const NodeCalls* embedded_node_calls() noexcept {
  return nullptr;
}

void embedded_node_signals_on_stack() noexcept {}

#endif

}  // namespace evenkeel::tailnet
