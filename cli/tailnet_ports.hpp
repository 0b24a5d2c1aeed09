// Ports on the machine's node: when they can listen and where, their certificates, their services.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "evenkeel/config.hpp"
#include "evenkeel/proxy.hpp"
#include "evenkeel/tailnet.hpp"
#include "evenkeel/target_pool.hpp"

#include "log_output.hpp"
#include "port_tls.hpp"
#include "tailnet_place.hpp"
#include "worker.hpp"

namespace evenkeel::cli {

// The listeners that a port on the machine's node has in each worker.
struct TailnetSlots {
  Slot v4 = 0;
  Slot v6 = 0;
  std::optional<Slot> service;  // on loopback, where tailscaled brings a service's connections
};

// Waits for the node for ever: at boot tailscaled may come after us. Nothing else is held up by that; what a
// person can do is logged, and again every minute.
//
// Thread rule: the control loop's. Lifetime: the loop must run until the handles that close() lets go of are
// gone; the log outlives it, and a pool its port.
class TailnetPorts {
 public:
  // Tells every worker to listen there; on_opened() is the answer of all.
  using Open = std::function<void(Slot slot, const ListenAddress& address)>;

  TailnetPorts(uv_loop_t* loop, LogOutput& log, Open open);
  ~TailnetPorts();
  TailnetPorts(const TailnetPorts&) = delete;
  TailnetPorts& operator=(const TailnetPorts&) = delete;

  // 0, or a libuv error. Nothing is opened before listen().
  int start();
  void add(std::shared_ptr<const PortSpec> spec, const TargetPool& pool, const PortTls& tls,
           TailnetSlots slots);
  // The port of these slots is the same place, with other options.
  void update(const TailnetSlots& slots, std::shared_ptr<const PortSpec> spec, const PortTls& tls);
  // Also its service, when no other port is part of that.
  void remove(const TailnetSlots& slots);
  void listen();
  // False: the slot is none of a port here.
  bool on_opened(Slot slot, const Result<void>& result);
  // A pool has published.
  void on_pool() { update_services(); }
  // Of the port of these slots.
  [[nodiscard]] TailnetPlace place(const TailnetSlots& slots) const;
  // Where they listen by now: "100.64.0.1:443"; and who still waits: "myapp 443/https".
  [[nodiscard]] std::vector<std::string> addresses() const;
  [[nodiscard]] std::vector<std::string> waiting() const;
  // Opens nothing any more: the workers are going.
  void stop();
  // Takes all services back. `done` comes when tailscaled knows, and clients have had time to hear of it.
  void withdraw(std::function<void()> done);
  void close();

 private:
  struct Listener;
  struct Port;
  struct Node;
  struct Timer : uv_timer_t {
    TailnetPorts* owner = nullptr;
    void (TailnetPorts::*call)() = nullptr;
  };

  Node& node_at(const std::string& socket);
  void on_status(Node& node);
  void tell_of(const Node& node);
  void get_certificate(Port& port);
  void open_all();
  void open(Port& port, Listener& listener, const std::string& host);
  void compare(const Port& port, Listener& listener, const std::string& host);
  [[nodiscard]] static std::string why_not_served(const Port& port);
  void refuse(Port& port, Listener& listener, const Error& error);
  Listener* find(Slot slot, Port*& port);
  std::vector<std::unique_ptr<Port>>::iterator port_of(const TailnetSlots& slots);
  void update_services();
  void update_service(Node& node, const std::string& name);
  void on_withdrawn();
  void end_withdrawal();
  void start_timer(Timer& timer, std::chrono::milliseconds delay, void (TailnetPorts::*call)());
  void on_minute();

  uv_loop_t* const loop_;
  LogOutput& log_;
  const Open open_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::map<std::string, std::unique_ptr<Node>> nodes_;  // by tailscaled's socket
  bool listens_ = false;
  std::function<void()> withdrawn_;
  std::size_t withdrawing_ = 0;  // nodes that have not settled
  bool withdraws_ = false;
  bool started_ = false;
  Timer retry_{};
  Timer minute_{};
  Timer patience_{};
};

}  // namespace evenkeel::cli
