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

}  // namespace

TailnetNodes::TailnetNodes(uv_loop_t* loop, LogOutput& log, Attach attach)
    : loop_(loop), log_(log), attach_(std::move(attach)) {}

TailnetNodes::~TailnetNodes() = default;

std::expected<TailnetNodes::Node*, std::string> TailnetNodes::node_of(const TailnetSpec& spec) {
  const auto found =
      std::ranges::find_if(nodes_, [&](const auto& node) { return is_same_node(*node->spec, spec); });
  if (found != nodes_.end()) return found->get();
  auto node = std::make_unique<Node>();
  node->spec = &spec;
  Node* place = node.get();
  TailnetNodeOptions options;
  options.spec = spec;
  options.verbose = log_.is_verbose();
  auto made =
      TailnetNode::make(loop_, std::move(options), log_,
                        [this, place](const TailnetNodeStatus& status) { on_status(*place, status); });
  if (!made) return std::unexpected(std::move(made).error());
  node->node = *std::move(made);
  return nodes_.emplace_back(std::move(node)).get();
}

std::expected<const TailnetNode*, std::string> TailnetNodes::add(const PortSpec& spec,
                                                                 std::shared_ptr<TlsServer> tls,
                                                                 std::size_t listener) {
  auto node = node_of(spec.tailnet);
  if (!node) return std::unexpected(std::move(node).error());
  (*node)->ports.push_back(std::make_unique<Port>(&spec, std::move(tls), listener));
  return (*node)->node.get();
}

void TailnetNodes::start(std::size_t workers) {
  workers_ = workers;
  for (const auto& node : nodes_) node->node->start();
}

void TailnetNodes::on_status(Node& node, const TailnetNodeStatus& status) {
  if (status.state == TailnetState::needs_login && !status.login_url.empty()) {
    // Also for whoever does not read logs.
    fmt::print(stderr, "\nTo let {} into its tailnet, open\n\n  {}\n\n", node.spec->hostname,
               status.login_url);
    std::fflush(stderr);
  }
  if (status.state != TailnetState::running) return;
  for (const auto& place : node.ports) {
    Port& port = *place;
    const bool waits_for_certificate = port.tls && port.spec->tls.certificates.empty();
    if (!waits_for_certificate) {
      open(node, port);
    } else if (!std::exchange(port.is_asked, true)) {
      node.node->serve_certificate(port.tls, [this, &node, &port] { open(node, port); });
    }
  }
}

// Once: what a node listens on outlives its restarts.
void TailnetNodes::open(Node& node, Port& port) {
  if (!listens_ || std::exchange(port.is_open, true)) return;
  for (std::uint16_t offset = 0; offset < port.spec->port_count; ++offset) open_one(node, port, offset);
  const std::string place = fmt::format(
      "{}:{}", node.node->status().dns_name.empty() ? node.spec->hostname : node.node->status().dns_name,
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
    return attach_((port.listener + offset) % workers_, port.listener, descriptor, offset);
  }
  for (std::size_t worker = 1; worker < workers_; ++worker) {
    const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (copy >= 0) attach_(worker, port.listener, copy, offset);
  }
  attach_(0, port.listener, descriptor, offset);
}

std::vector<std::string> TailnetNodes::waiting() const {
  std::vector<std::string> all;
  for (const auto& node : nodes_) {
    for (const auto& port : node->ports) {
      if (!port->is_open) all.push_back(fmt::format("{}:{}", node->spec->hostname, port->spec->port));
    }
  }
  return all;
}

void TailnetNodes::close(const std::function<void()>& closed) {
  listens_ = false;
  if (nodes_.empty()) return closed();
  closing_ = nodes_.size();
  for (const auto& node : nodes_) {
    node->node->close([this, closed] {
      if (--closing_ == 0) closed();
    });
  }
}

}  // namespace evenkeel::cli
