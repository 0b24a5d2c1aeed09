// The nodes of its own that this process is on tailnets, and the ports that they serve.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <uv.h>

#include "evenkeel/config.hpp"
#include "evenkeel/tailnet_node.hpp"
#include "evenkeel/tls.hpp"

#include "log_output.hpp"

namespace evenkeel::cli {

// One node for all ports with the same hostname and control server. Nothing waits for a
// node: its ports are served from when it is up. Thread rule: the control loop's.
class TailnetNodes {
 public:
  // Hands a listener of a worker (both by index) a descriptor for Proxy::attach().
  using Attach = std::function<void(std::size_t worker, std::size_t listener, int descriptor,
                                    std::uint16_t port_offset)>;

  // `loop` and `log` outlive it.
  TailnetNodes(uv_loop_t* loop, LogOutput& log, Attach attach);
  ~TailnetNodes();
  TailnetNodes(const TailnetNodes&) = delete;
  TailnetNodes& operator=(const TailnetNodes&) = delete;

  // A port of mode "node", before start(). `spec` outlives this. `tls` without certificates shows those of
  // the node. The node it is on, which knows who its clients are; or why there is none, for a person.
  std::expected<const TailnetNode*, std::string> add(const PortSpec& spec, std::shared_ptr<TlsServer> tls,
                                                     std::size_t listener);
  void start(std::size_t workers);
  // No port is handed over any more.
  void stop_listening() noexcept { listens_ = false; }
  // "myapp:443", of ports whose node is not up.
  [[nodiscard]] std::vector<std::string> waiting() const;
  // `closed` comes from the loop once every node has left its tailnet; within this call when there are none.
  void close(const std::function<void()>& closed);

 private:
  struct Port {
    const PortSpec* spec;
    std::shared_ptr<TlsServer> tls;
    std::size_t listener;
    bool is_open = false;
    bool is_asked = false;  // its certificate
  };
  struct Node {
    const TailnetSpec* spec;
    std::unique_ptr<TailnetNode> node;
    std::vector<std::unique_ptr<Port>> ports;
  };

  std::expected<Node*, std::string> node_of(const TailnetSpec& spec);
  void on_status(Node& node, const TailnetNodeStatus& status);
  void open(Node& node, Port& port);
  void open_one(Node& node, const Port& port, std::uint16_t offset);
  void hand_out(const Port& port, std::uint16_t offset, int descriptor);

  uv_loop_t* loop_;
  LogOutput& log_;
  Attach attach_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::size_t workers_ = 0;
  std::size_t closing_ = 0;
  bool listens_ = true;
};

}  // namespace evenkeel::cli
