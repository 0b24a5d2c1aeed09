#include "tailnet_nodes.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace evenkeel::cli {
namespace {

// Whatever else its ports say of it is the same: the spec has been read.
bool is_same_node(const TailnetSpec& a, const TailnetSpec& b) {
  return a.hostname == b.hostname && a.control_url == b.control_url;
}

bool is_same_but_for_funnel(const TailnetSpec& a, TailnetSpec b) {
  b.funnel = a.funnel;
  return a == b;
}

}  // namespace

TailnetNodes::TailnetNodes(uv_loop_t* loop, LogOutput& log, Attach attach)
    : loop_(loop), log_(log), attach_(std::move(attach)) {}

TailnetNodes::~TailnetNodes() = default;

TailnetNodes::Node* TailnetNodes::find(const TailnetSpec& spec) {
  const auto found = std::ranges::find_if(
      nodes_, [&](const auto& node) { return !node->is_leaving && is_same_node(node->spec, spec); });
  return found == nodes_.end() ? nullptr : found->get();
}

std::string TailnetNodes::why_not(const TailnetSpec& spec) const {
  for (const auto& node : nodes_) {
    if (node->is_gone) continue;
    const bool is_it = is_same_node(node->spec, spec);
    if (is_it && !node->is_leaving) {
      if (is_same_but_for_funnel(node->spec, spec)) return {};
      return fmt::format("the node {} is up, and changes only when evenkeel is started again", spec.hostname);
    }
    const bool shares = !spec.state_dir.empty() && node->spec.state_dir == spec.state_dir;
    if (is_it || shares) {
      return fmt::format("the node {} is still leaving its tailnet", node->spec.hostname);
    }
  }
  return {};
}

std::expected<const TailnetNode*, std::string> TailnetNodes::node_of(const TailnetSpec& spec) {
  if (const Node* known = find(spec)) return known->node.get();
  std::erase_if(nodes_, [](const auto& node) { return node->is_gone; });
  auto node = std::make_unique<Node>();
  node->spec = spec;
  TailnetNodeOptions options;
  options.spec = spec;
  options.verbose = log_.is_verbose();
  auto made = TailnetNode::make(
      loop_, std::move(options), log_,
      [this, place = node.get()](const TailnetNodeStatus& status) { on_status(*place, status); });
  if (!made) return std::unexpected(std::move(made).error());
  node->node = *std::move(made);
  node->node->start();
  return nodes_.emplace_back(std::move(node))->node.get();
}

void TailnetNodes::add(std::shared_ptr<const PortSpec> spec, std::shared_ptr<TlsServer> tls, Slot slot) {
  Node& node = *find(spec->tailnet);
  node.ports.push_back(std::make_unique<Port>(std::move(spec), std::move(tls), slot));
  open_when_ready(node, *node.ports.back());
}

void TailnetNodes::update(Slot slot, std::shared_ptr<const PortSpec> spec, std::shared_ptr<TlsServer> tls) {
  for (const auto& node : nodes_) {
    for (const auto& port : node->ports) {
      if (port->slot != slot) continue;
      if (port->tls != tls && port->shows_node()) node->node->forget_certificate(*port->tls);
      const bool is_same = port->tls == tls;
      port->spec = std::move(spec);
      port->tls = std::move(tls);
      if (is_same || (port->is_open && !port->shows_node())) return;
      port->is_asked = false;
      return open_when_ready(*node, *port);
    }
  }
}

void TailnetNodes::remove(Slot slot) {
  for (const auto& node : nodes_) {
    const auto found =
        std::ranges::find_if(node->ports, [&](const auto& port) { return port->slot == slot; });
    if (found == node->ports.end()) continue;
    if ((*found)->shows_node()) node->node->forget_certificate(*(*found)->tls);
    node->ports.erase(found);
    if (node->ports.empty()) leave(*node);
    return;
  }
}

void TailnetNodes::leave(Node& node) {
  if (std::exchange(node.is_leaving, true)) return;
  node.node->close([this, &node] {
    node.ports.clear();
    // Not from within its callback: its own frames are below.
    node.is_gone = true;
    if (closed_ && std::ranges::all_of(nodes_, [](const auto& each) { return each->is_gone; })) {
      std::exchange(closed_, nullptr)();
    }
  });
}

void TailnetNodes::on_status(Node& node, const TailnetNodeStatus& status) {
  if (status.state == TailnetState::needs_login && !status.login_url.empty()) {
    // Also for whoever does not read logs.
    fmt::print(stderr, "\nTo let {} into its tailnet, open\n\n  {}\n\n", node.spec.hostname,
               status.login_url);
    std::fflush(stderr);
  }
  if (status.state != TailnetState::running) return;
  if (!status.dns_name.empty()) node.name = status.dns_name;
  for (const auto& port : node.ports) open_when_ready(node, *port);
}

void TailnetNodes::open_when_ready(Node& node, Port& port) {
  if (node.node->status().state != TailnetState::running) return;
  if (!port.shows_node()) return open(node, port);
  if (std::exchange(port.is_asked, true)) return;
  node.node->serve_certificate(port.tls, [this, &node, &port] { open(node, port); });
}

// Once: what a node listens on outlives its restarts.
void TailnetNodes::open(Node& node, Port& port) {
  if (!listens_ || std::exchange(port.is_open, true)) return;
  for (std::uint16_t offset = 0; offset < port.spec->port_count; ++offset) open_one(node, port, offset);
  const std::string place = fmt::format(
      "{}:{}", node.node->status().dns_name.empty() ? node.spec.hostname : node.node->status().dns_name,
      port.spec->port);
  const std::array<LogField, 3> fields{
      {{"proxy", port.spec->proxy}, {"port", port.spec->key}, {"address", place}}};
  log_.log(LogLevel::info, "tailnet_serving", fields);
}

void TailnetNodes::open_one(Node& node, const Port& port, std::uint16_t offset) {
  const auto number = static_cast<std::uint16_t>(port.spec->port + offset);
  const TailnetReach reach = port.spec->tailnet.funnel ? TailnetReach::internet : TailnetReach::tailnet;
  const Result<int> descriptor = port.spec->protocol == Protocol::udp ? node.node->listen_packet(number)
                                                                      : node.node->listen(number, reach);
  if (descriptor) return hand_out(port, offset, *descriptor);
  const std::string reason = describe(descriptor.error());
  const std::array<LogField, 3> fields{
      {{"proxy", port.spec->proxy}, {"port", port.spec->key}, {"reason", reason}}};
  log_.log(LogLevel::error, "cannot_listen", fields);
}

// A worker has connections as they come. The datagrams of a client must all be one worker's: a port goes to
// one of them, ports to all of them in turn.
void TailnetNodes::hand_out(const Port& port, std::uint16_t offset, int descriptor) {
  if (port.spec->protocol == Protocol::udp) {
    return attach_((port.slot + offset) % workers_, port.slot, descriptor, offset);
  }
  for (std::size_t worker = 1; worker < workers_; ++worker) {
    const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (copy >= 0) attach_(worker, port.slot, copy, offset);
  }
  attach_(0, port.slot, descriptor, offset);
}

TailnetPlace TailnetNodes::place(Slot slot) const {
  for (const auto& node : nodes_) {
    for (const auto& port : node->ports) {
      if (port->slot != slot) continue;
      std::string reason = why_not_served(*node, *port);
      const bool is_served = port->is_open && reason.empty();
      return {.name = node->name, .reason = std::move(reason), .is_served = is_served};
    }
  }
  return {};
}

std::string TailnetNodes::why_not_served(const Node& node, const Port& port) {
  const TailnetNodeStatus& status = node.node->status();
  if (status.state != TailnetState::running) {
    const std::string details = describe(status);
    return fmt::format("{}{}{}", to_string(status.state), details.empty() ? "" : ": ", details);
  }
  if (!port.is_open) {
    if (!port.shows_node()) return {};
    return status.cert_domains.empty()
               ? "the tailnet gives no certificates: turn on HTTPS in its admin console, "
                 "under DNS"
               : "waits for the node's certificate";
  }
  for (std::uint16_t offset = 0; offset < port.spec->port_count; ++offset) {
    const auto number = static_cast<std::uint16_t>(port.spec->port + offset);
    const std::string error = port.spec->protocol == Protocol::udp ? node.node->listen_packet_error(number)
                                                                   : node.node->listen_error(number);
    if (!error.empty()) return fmt::format("port {} cannot be bound: {}", number, error);
  }
  return {};
}

std::vector<std::string> TailnetNodes::waiting() const {
  std::vector<std::string> all;
  for (const auto& node : nodes_) {
    for (const auto& port : node->ports) {
      if (!port->is_open) all.push_back(fmt::format("{}:{}", node->spec.hostname, port->spec->port));
    }
  }
  return all;
}

void TailnetNodes::close(std::function<void()> closed) {
  listens_ = false;
  if (std::ranges::all_of(nodes_, [](const auto& node) { return node->is_gone; })) return closed();
  closed_ = std::move(closed);
  for (const auto& node : nodes_) leave(*node);
}

}  // namespace evenkeel::cli
