#include "tailnet/embedded_node.hpp"

#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "evenkeel/secret.hpp"

#include "net/frames.hpp"
#include "net/socket.hpp"
#include "tailnet/local.hpp"
#include "tailnet/node/evenkeel_node.h"

namespace evenkeel {

static_assert(net::frame_header == EK_NODE_PACKET_HEADER);

TailnetNode::Impl::Impl(uv_loop_t* loop, TailnetNodeOptions node_options,
                        const tailnet::NodeCalls& node_calls, LogSink& sink, OnStatus callback)
    : options(std::move(node_options)),
      calls(node_calls),
      log(sink),
      desk(std::make_shared<tailnet::WhoisDesk>(node_calls)),
      certificate(loop, options, sink,
                  [this](std::int64_t id, const std::string& domain) {
                    return calls.certificate(node_, static_cast<long>(id), domain.c_str());
                  }),
      backoff_(options.first_retry, options.last_retry),
      login_backoff_(options.first_retry, options.last_retry),
      on_status_(std::move(callback)),
      stream_(
          loop, [this](std::string_view line) { on_line(line); }, [this] { on_stream_end(); }),
      timer_(net::make_handle<uv_timer_t>(uv_timer_init, loop)),
      last_(loop, [](void*) {}, this) {
  if (!timer_) throw std::bad_alloc();
  timer_->data = this;
}

TailnetNode::Impl::~Impl() {
  desk->close();
  let_go_of_node();
}

void TailnetNode::Impl::let_go_of_node() noexcept {
  if (node_ >= 0) calls.close(std::exchange(node_, -1));
}

void TailnetNode::Impl::begin() {
  arm(Due::attempt, std::chrono::milliseconds(0));
}

void TailnetNode::Impl::arm(Due due, std::chrono::milliseconds delay) {
  due_ = due;
  uv_timer_start(
      timer_.get(),
      [](uv_timer_t* timer) {
        if (timer->data != nullptr) static_cast<Impl*>(timer->data)->attempt();
      },
      static_cast<std::uint64_t>(delay.count()), 0);
}

void TailnetNode::Impl::disarm() {
  due_ = Due::nothing;
  uv_timer_stop(timer_.get());
}

// --- coming up ---

// A key that was wrong or missing may have been put right meanwhile. Who has been up may need none any more.
void TailnetNode::Impl::attempt() {
  due_ = Due::nothing;
  const auto key = read_secret(options.spec.auth_key, "auth key");
  has_key_ = key && !key->empty();
  if (!key && !was_up_) return fail(key.error());
  if (node_ < 0 && !make_node()) return;
  const int started = calls.start(node_, key ? key->c_str() : "");
  if (started == -EALREADY) return;  // it is up
  if (started < 0) return fail(describe(net::setup_error(-started)));
  on_status({});
}

bool TailnetNode::Impl::make_node() {
  node_ = calls.make(options_json().c_str());
  if (node_ < 0) {
    fail("the embedded node refuses what the spec says of it: " + describe(net::setup_error(-node_)));
    return false;
  }
  const int events = calls.events(node_);
  const Result<void> opened =
      events < 0 ? std::unexpected(net::setup_error(-events)) : stream_.open(net::Fd(events));
  if (!opened) {
    let_go_of_node();
    fail(describe(opened.error()));
    return false;
  }
  desk->open(node_);
  return true;
}

std::string TailnetNode::Impl::options_json() const {
  const TailnetSpec& spec = options.spec;
  const tailnet::Json json{
      {"hostname", spec.hostname},      {"stateDir", spec.state_dir}, {"ephemeral", spec.ephemeral},
      {"controlUrl", spec.control_url}, {"tags", spec.tags},          {"verbose", options.verbose},
  };
  return json.dump(-1, ' ', false, tailnet::Json::error_handler_t::replace);
}

void TailnetNode::Impl::fail(std::string_view reason) {
  TailnetNodeStatus news;
  news.state = TailnetState::failed;
  news.error = reason;
  on_status(news);
}

// --- what the node tells ---

void TailnetNode::Impl::on_line(std::string_view line) {
  const auto event = tailnet::read_node_event(line);
  if (event) on_event(*event);
}

void TailnetNode::Impl::on_event(const tailnet::NodeEvent& event) {
  using Kind = tailnet::NodeEvent::Kind;
  const std::string& node = options.spec.hostname;
  if (is_closing_) return;
  switch (event.kind) {
    case Kind::status:
      return on_status(event.status);
    case Kind::whois:
      return on_whois(event);
    case Kind::certificate:
      return certificate.on_answer(event);
    case Kind::listen:
    case Kind::drops:
      return on_listener(event);
    case Kind::complaint: {
      const std::array<LogField, 2> fields{{{"node", node}, {"reason", event.error}}};
      return log.log(LogLevel::warning, "tailnet_complains", fields);
    }
    case Kind::says: {
      const std::array<LogField, 2> fields{{{"node", node}, {"text", event.text}}};
      return log.log(LogLevel::debug, "tailnet_says", fields);
    }
    case Kind::other:
      return;
  }
}

void TailnetNode::Impl::on_status(const TailnetNodeStatus& news) {
  switch (news.state) {
    case TailnetState::running:
      if (status.state != TailnetState::running) up_since_ = uv_now(timer_->loop);
      was_up_ = true;
      backoff_.reset();
      disarm();
      certificate.on_running(news.cert_domains);
      break;
    case TailnetState::failed:
      certificate.on_down();
      arm(Due::attempt, backoff_.next());
      break;
    case TailnetState::needs_login:
      if (options.spec.auth_key.empty()) {
        disarm();
        break;
      }
      if (log_in_again(news)) break;
      [[fallthrough]];
    case TailnetState::starting:
    case TailnetState::stopped:
      if (due_ != Due::limit) arm(Due::limit, options.start_limit);
      break;
    case TailnetState::needs_approval:
      disarm();
      break;
  }
  publish(news);
}

// With a key nobody is waited for: a new start uses it, as it is by then. At once, unless the last login did
// not last. Without the key that the spec promises a person may do.
bool TailnetNode::Impl::log_in_again(const TailnetNodeStatus& news) {
  if (!news.login_url.empty()) return false;
  const auto up_for = std::chrono::milliseconds(uv_now(timer_->loop) - up_since_);
  if (status.state == TailnetState::running && up_for >= options.last_retry) {
    is_login_lost_ = false;
    login_backoff_.reset();
  }
  if (is_login_lost_ && !has_key_) return false;
  const bool is_first = !std::exchange(is_login_lost_, true);
  if (due_ != Due::attempt)
    arm(Due::attempt, is_first ? std::chrono::milliseconds(0) : login_backoff_.next());
  return true;
}

void TailnetNode::Impl::on_whois(const tailnet::NodeEvent& event) {
  if (event.error.empty()) return desk->answer(event.id, event.identity);
  desk->answer(event.id,
               std::unexpected(tailnet::LocalApiError{{ErrorCode::bad_response, Fault::target, true, 0},
                                                      "whois of the embedded node failed: " + event.error}));
}

void TailnetNode::Impl::publish(const TailnetNodeStatus& news) {
  const bool same = std::exchange(told_, true) && news == status;
  status = news;
  if (same) return;
  log_status();
  if (on_status_) on_status_(status);
}

void TailnetNode::Impl::log_status() const {
  const std::string details = describe(status);
  LogLevel level = LogLevel::info;
  if (status.state != TailnetState::running && status.state != TailnetState::starting) {
    level = LogLevel::warning;
  }
  const std::array<LogField, 3> fields{
      {{"node", options.spec.hostname}, {"state", to_string(status.state)}, {"details", details}}};
  log.log(level, "tailnet_node", fields);
}

void TailnetNode::Impl::on_listener(const tailnet::NodeEvent& event) {
  const auto index = static_cast<std::size_t>(event.id - 1);
  Listener* const listener = index < listeners_.size() ? &listeners_[index] : nullptr;
  const std::string port = listener != nullptr ? std::to_string(listener->port) : std::string();
  const LogField node{"node", options.spec.hostname};
  if (event.kind == tailnet::NodeEvent::Kind::drops) {
    const std::string to_host = std::to_string(event.to_host);
    const std::string from_host = std::to_string(event.from_host);
    const std::array<LogField, 4> fields{
        {node, {"port", port}, {"to_host", to_host}, {"from_host", from_host}}};
    return log.log(LogLevel::warning, "tailnet_datagrams_lost", fields);
  }
  if (listener != nullptr) listener->error = event.error;
  if (event.error.empty()) return;
  const std::array<LogField, 3> fields{{node, {"port", port}, {"reason", event.error}}};
  log.log(LogLevel::error, "tailnet_cannot_listen", fields);
}

// --- serving ---

Result<int> TailnetNode::Impl::listen(std::uint16_t port, int flags, bool packets) {
  listeners_.push_back({port, packets, {}});
  const int id = static_cast<int>(listeners_.size());
  const int descriptor =
      packets ? calls.listen_packet(node_, id, "", port) : calls.listen(node_, id, "tcp", port, flags);
  if (descriptor >= 0) return descriptor;
  const Error error = net::setup_error(-descriptor);
  listeners_.back().error = describe(error);
  return std::unexpected(error);
}

// Of the newest: the others have been closed.
std::string TailnetNode::Impl::listen_error(std::uint16_t port, bool packets) const {
  for (auto listener = listeners_.rbegin(); listener != listeners_.rend(); ++listener) {
    if (listener->port == port && listener->packets == packets) return listener->error;
  }
  return {};
}

// --- the end ---

void TailnetNode::Impl::on_stream_end() {
  node_ = -1;
  if (is_closing_) return finish();
  // It should have said so before.
  desk->close();
  was_up_ = false;
  fail("the node has ended by itself");
}

void TailnetNode::Impl::close(std::function<void()> when_closed) {
  if (std::exchange(is_closing_, true)) return;
  closed_ = std::move(when_closed);
  timer_.reset();
  desk->close();
  certificate.close();
  let_go_of_node();
  if (!stream_.is_open()) finish();
}

void TailnetNode::Impl::finish() {
  stream_.close();
  last_.close(std::move(closed_));
}

// --- TailnetNode ---

std::string_view to_string(TailnetState state) noexcept {
  switch (state) {
    case TailnetState::starting:
      return "starting";
    case TailnetState::needs_login:
      return "needs_login";
    case TailnetState::needs_approval:
      return "needs_approval";
    case TailnetState::running:
      return "running";
    case TailnetState::stopped:
      return "stopped";
    case TailnetState::failed:
      return "failed";
  }
  return "";
}

std::string describe(const TailnetNodeStatus& status) {
  std::string details;
  const auto add = [&](std::string_view text) { details.append(details.empty() ? "" : ", ").append(text); };
  if (!status.dns_name.empty()) add(status.dns_name);
  for (const std::string& address : status.addresses) add(address);
  if (!status.login_url.empty()) add("log in at " + status.login_url);
  if (status.state == TailnetState::needs_login && status.login_url.empty())
    add("its login is not valid any more");
  if (status.state == TailnetState::needs_approval) add("an admin of the tailnet has to approve this node");
  if (!status.error.empty()) add(status.error);
  for (const std::string& text : status.health) add(text);
  return details;
}

bool TailnetNode::available() noexcept {
  return tailnet::embedded_node_calls() != nullptr;
}

void TailnetNode::signals_on_stack() noexcept {
  tailnet::embedded_node_signals_on_stack();
}

std::expected<std::unique_ptr<TailnetNode>, std::string> TailnetNode::make(uv_loop_s* loop,
                                                                           TailnetNodeOptions options,
                                                                           LogSink& log, OnStatus on_status) {
  const tailnet::NodeCalls* calls = tailnet::embedded_node_calls();
  if (calls == nullptr) {
    return std::unexpected(
        "this build has no embedded node; build with -DEVENKEEL_TAILNET_NODE=ON (needs Go >= 1.26.6)");
  }
  return std::make_unique<TailnetNode>(
      std::make_unique<Impl>(loop, std::move(options), *calls, log, std::move(on_status)));
}

TailnetNode::TailnetNode(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}

TailnetNode::~TailnetNode() = default;

void TailnetNode::start() {
  impl_->begin();
}

const TailnetNodeStatus& TailnetNode::status() const noexcept {
  return impl_->status;
}

Result<int> TailnetNode::listen(std::uint16_t port, TailnetReach reach) {
  return impl_->listen(port, reach == TailnetReach::internet ? EK_NODE_FUNNEL : 0, false);
}

Result<int> TailnetNode::listen_packet(std::uint16_t port) {
  return impl_->listen(port, 0, true);
}

std::string TailnetNode::listen_error(std::uint16_t port) const {
  return impl_->listen_error(port, false);
}

std::string TailnetNode::listen_packet_error(std::uint16_t port) const {
  return impl_->listen_error(port, true);
}

void TailnetNode::serve_certificate(std::shared_ptr<TlsServer> server, std::function<void()> ready) {
  impl_->certificate.serve(std::move(server), std::move(ready));
}

void TailnetNode::forget_certificate(const TlsServer& server) {
  impl_->certificate.forget(server);
}

std::unique_ptr<IdentitySource> TailnetNode::identities(uv_loop_s* loop, const Clock& clock) const {
  tailnet::WhoisCacheOptions options;
  options.loopback = false;
  return std::make_unique<tailnet::WhoisCache>(tailnet::make_node_asker(loop, impl_->desk), clock, options);
}

void TailnetNode::close(std::function<void()> closed) {
  impl_->close(std::move(closed));
}

}  // namespace evenkeel
