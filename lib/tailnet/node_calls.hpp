// The C functions of the embedded node (node/evenkeel_node.h), which a build may lack.
#pragma once

namespace evenkeel::tailnet {

// A test has others. Each is what the header says of ek_node_<name>.
struct NodeCalls {
  int (*make)(const char* options_json);
  int (*events)(int node);
  int (*start)(int node, const char* auth_key);
  int (*listen)(int node, int id, const char* network, int port, int flags);
  int (*listen_packet)(int node, int id, const char* ip, int port);
  int (*whois)(int node, long id, const char* address);
  int (*certificate)(int node, long id, const char* domain);
  void (*close)(int node);
};

// Loads it, the first time: the Go runtime begins then. Null in a build without it, or where its library is
// not found.
const NodeCalls* embedded_node_calls() noexcept;
void embedded_node_signals_on_stack() noexcept;

}  // namespace evenkeel::tailnet
