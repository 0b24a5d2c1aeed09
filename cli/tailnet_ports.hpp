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

namespace evenkeel::cli {

// The listeners that a port on the machine's node has in each worker.
struct TailnetSlots {
  std::size_t v4 = 0;
  std::size_t v6 = 0;
  std::optional<std::size_t> service;  // on loopback, where tailscaled brings a service's connections
};

// Waits for the node for ever: at boot tailscaled may come after us. Nothing else is held up by that; what a
// person can do is logged, and again every minute.
//
// Thread rule: the control loop's. Lifetime: the loop must run until the handles that close() lets go of are
// gone; specs, pools and log outlive it.
class TailnetPorts {
 public:
  // Tells every worker to listen there; each answers by on_opened() or on_not_opened().
  using Open = std::function<void(std::size_t slot, const ListenAddress& address)>;

  TailnetPorts(uv_loop_t* loop, LogOutput& log, Open open);
  ~TailnetPorts();
  TailnetPorts(const TailnetPorts&) = delete;
  TailnetPorts& operator=(const TailnetPorts&) = delete;

  // Before start().
  void add(const PortSpec& spec, const TargetPool& pool, const PortTls& tls, TailnetSlots slots);
  // 0, or a libuv error. Nothing happens where nothing was added.
  int start();
  // The workers are there, `workers` of them.
  void listen(std::size_t workers);
  void on_opened(std::size_t slot);
  void on_not_opened(std::size_t slot, const Error& error);
  // A pool has published.
  void on_pool() { update_services(); }
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
  void refuse(Port& port, Listener& listener, const Error& error);
  Listener* find(std::size_t slot, Port*& port);
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
  std::size_t workers_ = 0;                             // 0: not there yet
  std::function<void()> withdrawn_;
  std::size_t withdrawing_ = 0;  // nodes that have not settled
  bool withdraws_ = false;
  bool started_ = false;
  Timer retry_{};
  Timer minute_{};
  Timer patience_{};
};

}  // namespace evenkeel::cli
