#include "tailnet_ports.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "free_port.hpp"
#include "listen_report.hpp"

namespace evenkeel::cli {
namespace {

using std::chrono::milliseconds;

// An address that tailscaled has and the interface has not yet, a port that somebody holds: looked at so
// often.
constexpr milliseconds retry_interval{2'000};
constexpr milliseconds reminder_interval{60'000};
// How long draining waits for tailscaled to take services back.
constexpr milliseconds withdraw_patience{2'000};
// tailscaled knows at once; that clients go elsewhere the control server has to tell them first.
constexpr milliseconds spread_time{2'000};

bool is_v6(std::string_view ip) noexcept {
  return ip.contains(':');
}

bool has_usable_target(const TargetPool& pool) {
  return std::ranges::any_of(pool.status(), [](const TargetStatus& status) {
    return status.health == Health::up && status.target.admin == AdminState::enabled &&
           status.target.weight != 0;
  });
}

constexpr std::string_view no_certificates =
    "the tailnet gives its nodes no certificates; an admin switches them on in the admin console, "
    "DNS, HTTPS Certificates";

// "web.tail1234.ts.net" of "svc:web".
std::string service_domain(std::string_view service, std::string_view suffix) {
  return fmt::format("{}.{}", service.substr(service.find(':') + 1), suffix);
}

}  // namespace

struct TailnetPorts::Listener {
  Slot slot = 0;
  std::string host = {};  // where it listens, or is about to
  std::uint16_t port = 0;
  bool asked = false;  // the workers' answer is due
  bool open = false;
  bool failed = false;    // in one of them: others may listen
  std::string told = {};  // what is wrong with it, as the log has it

  [[nodiscard]] bool serves() const { return open && told.empty(); }
};

struct TailnetPorts::Port {
  std::shared_ptr<const PortSpec> spec;
  const TargetPool& pool;
  std::shared_ptr<TlsServer> tls;  // that waits for, or has, certificates of the node
  Node& node;
  Listener v4;
  Listener v6;
  std::optional<Listener> service;
  std::string domain = {};  // that certificates were asked for
  bool ready = false;       // has what it needs to accept

  template <class Visit>
  void each(Visit visit) {
    visit(v4);
    visit(v6);
    if (service) visit(*service);
  }
  [[nodiscard]] bool is_served() const { return service ? service->serves() : v4.serves() || v6.serves(); }
};

struct TailnetPorts::Node {
  std::string socket;
  TailnetHost host;
  bool started = false;
  // When it was up last:
  std::string name = {};
  std::string suffix = {};
  std::optional<std::string> told = {};  // the problem that the log has
  bool told_certificates = false;
  bool told_tags = false;
};

TailnetPorts::TailnetPorts(uv_loop_t* loop, LogOutput& log, Open open)
    : loop_(loop), log_(log), open_(std::move(open)) {}

TailnetPorts::~TailnetPorts() = default;

TailnetPorts::Node& TailnetPorts::node_at(const std::string& socket) {
  std::unique_ptr<Node>& node = nodes_[socket];
  if (!node) {
    TailnetHostOptions options;
    options.socket = socket;
    // An aggregate that cannot be moved: make_unique would need a constructor.
    node.reset(new Node{socket,  // NOLINT(modernize-make-unique)
                        TailnetHost(loop_, std::move(options), log_)});
  }
  return *node;
}

int TailnetPorts::start() {
  for (Timer* timer : {&retry_, &minute_, &patience_}) {
    if (const int failed = uv_timer_init(loop_, timer); failed != 0) return failed;
    timer->owner = this;
  }
  started_ = true;
  return 0;
}

void TailnetPorts::add(std::shared_ptr<const PortSpec> spec, const TargetPool& pool, const PortTls& tls,
                       TailnetSlots slots) {
  const bool own_certificates = !spec->tls.certificates.empty();
  Node& node = node_at(spec->tailnet.socket);
  // NOLINTNEXTLINE(modernize-make-unique)
  ports_.push_back(std::unique_ptr<Port>(new Port{.spec = std::move(spec),
                                                  .pool = pool,
                                                  .tls = own_certificates ? nullptr : tls.server,
                                                  .node = node,
                                                  .v4 = {.slot = slots.v4},
                                                  .v6 = {.slot = slots.v6},
                                                  .service = std::nullopt}));
  Port& port = *ports_.back();
  if (slots.service) port.service = Listener{.slot = *slots.service};
  port.ready = port.tls == nullptr;
  if (ports_.size() == 1) start_timer(minute_, reminder_interval, &TailnetPorts::on_minute);
  if (!std::exchange(node.started, true)) {
    return node.host.start([this, its = &node](const TailnetStatus&) { on_status(*its); });
  }
  if (node.host.status().running) on_status(node);
}

std::vector<std::unique_ptr<TailnetPorts::Port>>::iterator TailnetPorts::port_of(const TailnetSlots& slots) {
  return std::ranges::find_if(ports_, [&](const auto& port) { return port->v4.slot == slots.v4; });
}

void TailnetPorts::update(const TailnetSlots& slots, std::shared_ptr<const PortSpec> spec,
                          const PortTls& tls) {
  const auto found = port_of(slots);
  if (found == ports_.end()) return;
  Port& port = **found;
  auto server = spec->tls.certificates.empty() ? tls.server : nullptr;
  port.spec = std::move(spec);
  if (port.tls == server) return;
  // What the node has for the one before, this one gets in the next turn of the loop.
  if (port.tls) port.node.host.forget_certificates(*port.tls);
  port.tls = std::move(server);
  port.domain.clear();
  // One that waited for a certificate may need none by now.
  port.ready = port.ready || port.tls == nullptr;
  if (port.node.host.status().running) get_certificate(port);
  open_all();
}

void TailnetPorts::remove(const TailnetSlots& slots) {
  const auto found = port_of(slots);
  if (found == ports_.end()) return;
  Node& node = (*found)->node;
  const std::string service = (*found)->spec->tailnet.service;
  if ((*found)->tls) node.host.forget_certificates(*(*found)->tls);
  ports_.erase(found);
  const bool is_needed = std::ranges::any_of(ports_, [&](const auto& other) {
    return &other->node == &node && other->spec->tailnet.service == service;
  });
  if (!service.empty() && !is_needed) node.host.withdraw(service);
  update_services();
}

void TailnetPorts::start_timer(Timer& timer, milliseconds delay, void (TailnetPorts::*call)()) {
  timer.call = call;
  uv_update_time(loop_);
  uv_timer_start(
      &timer,
      [](uv_timer_t* handle) {
        const auto* rung = static_cast<Timer*>(handle);
        (rung->owner->*rung->call)();
      },
      static_cast<std::uint64_t>(delay.count()), 0);
}

void TailnetPorts::on_status(Node& node) {
  const std::string& problem = node.host.status().problem;
  if (problem != node.told) {
    node.told = problem;
    tell_of(node);
  }
  if (!node.host.status().running) return;
  node.name = node.host.status().name;
  node.suffix = node.host.status().suffix;
  for (const auto& port : ports_) {
    if (&port->node == &node) get_certificate(*port);
  }
  open_all();
  update_services();
}

void TailnetPorts::tell_of(const Node& node) {
  const TailnetStatus& status = node.host.status();
  if (status.problem.empty()) {
    const std::array<LogField, 1> fields{{{"node", status.name}}};
    return log_.log(LogLevel::info, "tailnet_up", fields);
  }
  const std::array<LogField, 1> fields{{{"reason", status.problem}}};
  log_.log(LogLevel::warning, status.userspace ? "tailnet_userspace" : "tailnet_waiting", fields);
}

// Somebody who looks at the end of the log has to find why a port is not there.
void TailnetPorts::on_minute() {
  for (const auto& [socket, node] : nodes_) {
    if (!node->host.status().running) tell_of(*node);
    node->told_certificates = false;
    node->host.check_services();
  }
  for (const auto& port : ports_) {
    if (port->node.host.status().running) get_certificate(*port);
  }
  start_timer(minute_, reminder_interval, &TailnetPorts::on_minute);
}

void TailnetPorts::get_certificate(Port& port) {
  if (!port.tls) return;
  const TailnetStatus& status = port.node.host.status();
  if (status.certificate_domains.empty()) {
    if (!port.domain.empty()) return;  // it has some
    if (std::exchange(port.node.told_certificates, true)) return;
    const std::array<LogField, 1> fields{{{"reason", no_certificates}}};
    return log_.log(LogLevel::warning, "tailnet_waiting", fields);
  }
  if (port.domain == status.certificate_domains.front()) return;
  port.domain = status.certificate_domains.front();
  std::vector<std::string> domains{port.domain};
  if (!port.spec->tailnet.service.empty()) {
    domains.push_back(service_domain(port.spec->tailnet.service, status.suffix));
  }
  port.node.host.keep_certificates(std::move(domains), port.tls, [this, its = &port] {
    its->ready = true;
    open_all();
  });
}

void TailnetPorts::listen() {
  listens_ = true;
  open_all();
}

void TailnetPorts::open_all() {
  if (!listens_ || withdraws_) return;
  for (const auto& port : ports_) {
    const TailnetStatus& status = port->node.host.status();
    if (!port->ready || !status.running) continue;
    if (status.userspace) {
      open(*port, port->v4, std::string(loopback));
    } else {
      for (const std::string& address : status.addresses) {
        open(*port, is_v6(address) ? port->v6 : port->v4, address);
      }
    }
    if (port->service) open(*port, *port->service, std::string(loopback));
  }
}

void TailnetPorts::open(Port& port, Listener& listener, const std::string& host) {
  if (listener.asked) return;
  if (listener.open) return compare(port, listener, host);
  const bool is_service = port.service && &*port.service == &listener;
  listener.host = host;
  // One that has been found stays: some workers may listen there already.
  if (listener.port == 0) listener.port = is_service ? free_loopback_port() : port.spec->port;
  const ListenAddress address{
      .host = host, .port = listener.port, .reuse_port = true, .count = port.spec->port_count};
  const Transport transport = port.spec->protocol == Protocol::udp ? Transport::datagram : Transport::stream;
  if (!listener.failed) {
    if (const auto bound = try_bind(address, transport); !bound) {
      // Nobody listens there yet: another free port does as well.
      if (is_service) listener.port = 0;
      return refuse(port, listener, bound.error());
    }
  }
  listener.asked = true;
  open_(listener.slot, address);
}

// What listens stays where it is.
void TailnetPorts::compare(const Port& port, Listener& listener, const std::string& host) {
  if (listener.host == host) return listener.told.clear();
  const std::string reason = fmt::format("the node has the address {} by now; restart to listen there", host);
  if (std::exchange(listener.told, reason) == reason) return;
  const std::array<LogField, 5> fields{
      {{"proxy", port.spec->proxy},
       {"port", port.spec->key},
       {"address", host},
       {"listens", listener.host},
       {"hint", "the node has another address by now; restart to listen there"}}};
  log_.log(LogLevel::warning, "tailnet_address_changed", fields);
}

void TailnetPorts::refuse(Port& port, Listener& listener, const Error& error) {
  PortSpec there = *port.spec;
  there.listen = listener.host;
  there.port = listener.port;
  const std::string reason = fmt::format("cannot listen on {}: {}", address_text(there), describe(error));
  if (std::exchange(listener.told, reason) != reason) report_cannot_listen(log_, there, error);
  start_timer(retry_, retry_interval, &TailnetPorts::open_all);
}

TailnetPorts::Listener* TailnetPorts::find(Slot slot, Port*& port) {
  Listener* found = nullptr;
  for (const auto& candidate : ports_) {
    candidate->each([&](Listener& listener) {
      if (listener.slot != slot) return;
      found = &listener;
      port = candidate.get();
    });
  }
  return found;
}

bool TailnetPorts::on_opened(Slot slot, const Result<void>& result) {
  Port* port = nullptr;
  Listener* listener = find(slot, port);
  if (listener == nullptr) return false;
  listener->asked = false;
  // Some workers may listen: all are asked again, and those say so again.
  listener->failed = !result;
  if (!result) return refuse(*port, *listener, result.error()), true;
  listener->open = true;
  listener->told.clear();
  PortSpec there = *port->spec;
  there.listen = listener->host;
  there.port = listener->port;
  const std::string address = address_text(there);
  const std::array<LogField, 3> fields{
      {{"proxy", port->spec->proxy}, {"port", port->spec->key}, {"address", address}}};
  log_.log(LogLevel::info, "tailnet_listening", fields);
  update_services();
  return true;
}

TailnetPlace TailnetPorts::place(const TailnetSlots& slots) const {
  const auto found =
      std::ranges::find_if(ports_, [&](const auto& port) { return port->v4.slot == slots.v4; });
  if (found == ports_.end()) return {};
  const Port& port = **found;
  TailnetPlace place{.name = port.node.name, .reason = why_not_served(port)};
  if (port.service && !port.node.suffix.empty())
    place.name = service_domain(port.spec->tailnet.service, port.node.suffix);
  place.is_served = place.reason.empty() && port.is_served();
  return place;
}

std::string TailnetPorts::why_not_served(const Port& port) {
  const TailnetStatus& status = port.node.host.status();
  if (!status.running) return status.problem.empty() ? "tailscaled has not answered yet" : status.problem;
  if (!port.ready) {
    if (status.certificate_domains.empty()) return std::string(no_certificates);
    return fmt::format("waits for the certificate of {}", port.domain);
  }
  if (port.is_served()) return {};
  if (port.service) return port.service->told;
  return port.v4.told.empty() ? port.v6.told : port.v4.told;
}

std::vector<std::string> TailnetPorts::addresses() const {
  std::vector<std::string> texts;
  for (const auto& port : ports_) {
    for (const Listener* listener : {&port->v4, &port->v6}) {
      if (!listener->open) continue;
      PortSpec there = *port->spec;
      there.listen = listener->host;
      texts.push_back(address_text(there));
    }
  }
  return texts;
}

std::vector<std::string> TailnetPorts::waiting() const {
  std::vector<std::string> names;
  for (const auto& port : ports_) {
    if (!port->v4.open && !port->v6.open) names.push_back(port->spec->proxy + ' ' + port->spec->key);
  }
  return names;
}

void TailnetPorts::update_services() {
  if (!started_ || withdraws_) return;
  for (const auto& port : ports_) {
    // Each service once, by the first of its ports.
    const auto same = [&](const auto& other) {
      return &other->node == &port->node && other->spec->tailnet.service == port->spec->tailnet.service;
    };
    if (port->service && std::ranges::find_if(ports_, same)->get() == port.get()) {
      update_service(port->node, port->spec->tailnet.service);
    }
  }
}

// A service is advertised as a whole: while each of its ports listens and has a target, or needs none.
void TailnetPorts::update_service(Node& node, const std::string& name) {
  if (!node.host.status().running) return;
  std::vector<TailnetServicePort> forwards;
  bool usable = true;
  for (const auto& port : ports_) {
    if (&port->node != &node || port->spec->tailnet.service != name) continue;
    usable = usable && port->service->open && (port->spec->targets.empty() || has_usable_target(port->pool));
    forwards.push_back({port->spec->port, fmt::format("{}:{}", loopback, port->service->port)});
  }
  if (!usable) return node.host.withdraw(name);
  if (!node.host.status().tagged && !std::exchange(node.told_tags, true)) {
    const std::array<LogField, 2> fields{
        {{"service", name},
         {"reason",
          "only a node with a tag may advertise a service: `tailscale up --advertise-tags=tag:NAME`"}}};
    log_.log(LogLevel::warning, "tailnet_service_failed", fields);
  }
  node.host.advertise(name, std::move(forwards));
}

void TailnetPorts::withdraw(std::function<void()> done) {
  withdraws_ = true;
  const bool any = std::ranges::any_of(ports_, [](const auto& port) { return port->service.has_value(); });
  if (!started_ || !any) return done();
  withdrawn_ = std::move(done);
  for (const auto& port : ports_) {
    if (port->service) port->node.host.withdraw(port->spec->tailnet.service);
  }
  start_timer(patience_, withdraw_patience, &TailnetPorts::on_withdrawn);
  withdrawing_ = nodes_.size();
  for (const auto& [socket, node] : nodes_) {
    node->host.on_settled([this] {
      if (--withdrawing_ == 0) on_withdrawn();
    });
  }
}

void TailnetPorts::on_withdrawn() {
  start_timer(patience_, spread_time, &TailnetPorts::end_withdrawal);
}

void TailnetPorts::end_withdrawal() {
  if (const auto done = std::exchange(withdrawn_, nullptr)) done();
}

void TailnetPorts::stop() {
  withdraws_ = true;
  if (started_) uv_timer_stop(&retry_);
}

void TailnetPorts::close() {
  withdrawn_ = nullptr;
  for (const auto& [socket, node] : nodes_) node->host.close([] {});
  if (!std::exchange(started_, false)) return;
  for (Timer* timer : {&retry_, &minute_, &patience_})
    uv_close(reinterpret_cast<uv_handle_t*>(timer), nullptr);
}

}  // namespace evenkeel::cli
