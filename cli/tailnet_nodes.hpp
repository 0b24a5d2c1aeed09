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
#include "tailnet_place.hpp"
#include "worker.hpp"

namespace evenkeel::cli {

// One node for all ports with the same hostname and control server. Nothing waits for a
// node: its ports are served from when it is up. Thread rule: the control loop's.
class TailnetNodes {
 public:
  // Hands a worker (by index) a descriptor for Proxy::attach().
  using Attach =
      std::function<void(std::size_t worker, Slot slot, int descriptor, std::uint16_t port_offset)>;

  // `loop` and `log` outlive it.
  TailnetNodes(uv_loop_t* loop, LogOutput& log, Attach attach);
  ~TailnetNodes();
  TailnetNodes(const TailnetNodes&) = delete;
  TailnetNodes& operator=(const TailnetNodes&) = delete;

  // There are so many workers, before anything is added.
  void start(std::size_t workers) noexcept { workers_ = workers; }
  // Empty, or for a person: why a port cannot be on the node that its spec describes while what is there is
  // there. No two nodes have one name or one state directory, and none changes while it is up.
  [[nodiscard]] std::string why_not(const TailnetSpec& spec) const;
  // The node that a port of mode "node" is on, which knows who its clients are; made, and started, where
  // there is none yet. Or why there is none, for a person.
  std::expected<const TailnetNode*, std::string> node_of(const TailnetSpec& spec);
  // Served from when the node is up. `tls` without certificates shows those of the node.
  void add(std::shared_ptr<const PortSpec> spec, std::shared_ptr<TlsServer> tls, Slot slot);
  // The slot is the same place, with other options.
  void update(Slot slot, std::shared_ptr<const PortSpec> spec, std::shared_ptr<TlsServer> tls);
  // The workers have nothing of it any more. A node without ports leaves its tailnet.
  void remove(Slot slot);
  // No port is handed over any more.
  void stop_listening() noexcept { listens_ = false; }
  // Of the port of that slot.
  [[nodiscard]] TailnetPlace place(Slot slot) const;
  // "myapp:443", of ports whose node is not up.
  [[nodiscard]] std::vector<std::string> waiting() const;
  // `closed` comes from the loop once every node has left its tailnet; within this call when there are none.
  void close(std::function<void()> closed);

 private:
  struct Port {
    std::shared_ptr<const PortSpec> spec;
    std::shared_ptr<TlsServer> tls;
    Slot slot;
    bool is_open = false;
    bool is_asked = false;  // its certificate

    [[nodiscard]] bool shows_node() const { return tls && spec->tls.certificates.empty(); }
  };
  struct Node {
    TailnetSpec spec;
    std::string name = {};  // on its tailnet, when it was up last
    bool is_leaving = false;
    bool is_gone = false;  // from its tailnet; kept, because its last callback has to return first
    std::unique_ptr<TailnetNode> node;
    std::vector<std::unique_ptr<Port>> ports;
  };

  [[nodiscard]] Node* find(const TailnetSpec& spec);
  [[nodiscard]] static std::string why_not_served(const Node& node, const Port& port);
  void on_status(Node& node, const TailnetNodeStatus& status);
  void open_when_ready(Node& node, Port& port);
  void open(Node& node, Port& port);
  void leave(Node& node);
  void open_one(Node& node, const Port& port, std::uint16_t offset);
  void hand_out(const Port& port, std::uint16_t offset, int descriptor);

  uv_loop_t* loop_;
  LogOutput& log_;
  Attach attach_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::size_t workers_ = 0;
  std::function<void()> closed_;
  bool listens_ = true;
};

}  // namespace evenkeel::cli
