// From the accepted socket to a connected target, and the end. The bytes in between: tcp_relay.cpp.
#include "proxy/tcp_session.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "net/cidr.hpp"
#include "net/proxy_header_reader.hpp"
#include "proxy/affinity.hpp"
#include "proxy/record_text.hpp"

namespace evenkeel::proxy {
namespace {

constexpr Error over_limit{ErrorCode::over_limit, Fault::client, false, 0};
constexpr Error bad_header{ErrorCode::bad_request, Fault::client, false, 0};
constexpr Error not_allowed{ErrorCode::not_allowed, Fault::client, false, 0};
constexpr Error out_of_memory{ErrorCode::system, Fault::us, true, ENOMEM};

}  // namespace

void TcpSession::accept(TcpCore& core, net::Accepted accepted, std::uint16_t port_offset) noexcept {
  auto* session = new (std::nothrow) TcpSession(core, accepted, port_offset);
  if (session == nullptr) return;  // memory is out: the socket closes
  const Result<void> opened = session->open(std::move(accepted.fd));
  if (!opened) return session->end(&opened.error());
  session->pause_reads();
  session->begin();
}

TcpSession::TcpSession(TcpCore& core, const net::Accepted& accepted, std::uint16_t port_offset) noexcept
    : Connection(core.reactor),
      core_(core),
      timeout_([](void* self) { static_cast<TcpSession*>(self)->on_time(); }, this),
      drain_timeout_(
          [](void* self) {
            static_cast<TcpSession*>(self)->cut({ErrorCode::drain_timeout, Fault::us, false, 0});
          },
          this),
      to_target_(
          [](void* self) {
            auto& session = *static_cast<TcpSession*>(self);
            session.from_client(session.to_target_.pause_over(session, *session.upstream_, session.reactor_));
          },
          this),
      to_client_(
          [](void* self) {
            auto& session = *static_cast<TcpSession*>(self);
            session.from_target(session.to_client_.pause_over(*session.upstream_, session, session.reactor_));
          },
          this),
      header_(core.reactor.blocks()),
      client_(net::PeerIp::of(accepted.peer)),
      source_(accepted.peer),
      local_(accepted.local),
      started_ns_(uv_hrtime()),
      port_offset_(port_offset) {
  core_.sessions.push_back(*this);
  ++core_.stats.connections;
  ++core_.stats.connections_accepted;
}

TcpSession::~TcpSession() = default;

// --- getting to a target ---

void TcpSession::begin() noexcept {
  // Who comes later must not overtake those that wait.
  if (!core_.waiting_for_place.empty() || !core_.gate->enter()) return wait_in(core_.waiting_for_place);
  has_place_ = true;
  after_place();
}

// From one queue into the next it keeps its seat and its time.
void TcpSession::wait_in(Queue& queue) noexcept {
  queue.push_back(*this);
  if (is_waiting_) return;
  if (!core_.gate->queue_up()) return refuse(over_limit);
  is_waiting_ = true;
  ++core_.stats.waiting;
  reactor_.timeouts().set(timeout_, core_.options.timeouts.queue);
  // Room that was made before we were counted told nobody.
  core_.serve_queue();
}

void TcpSession::stop_waiting() noexcept {
  base::ListNode<WaitingForPlace>::unlink();
  if (!std::exchange(is_waiting_, false)) return;
  --core_.stats.waiting;
  core_.gate->stop_waiting();
  timeout_.cancel();
}

bool TcpSession::try_place() noexcept {
  if (!core_.gate->enter()) return false;
  has_place_ = true;
  base::ListNode<WaitingForPlace>::unlink();
  after_place();
  return true;
}

void TcpSession::after_place() noexcept {
  if (core_.proxy_peers.empty()) return after_header();
  stop_waiting();
  if (!net::contains(core_.proxy_peers, client_)) return refuse(bad_header);
  phase_ = Phase::header;
  reactor_.timeouts().set(timeout_, core_.options.timeouts.proxy_header);
  resume_reads();
}

void TcpSession::read_proxy_header() noexcept {
  const net::ProxyHeader header = net::take_proxy_header(*this, header_, reactor_.read_buffer());
  if (header.state == net::ProxyHeader::State::incomplete) return;
  if (header.state == net::ProxyHeader::State::bad) return refuse(bad_header);
  pause_reads();
  timeout_.cancel();
  if (header.addressed) {
    client_ = net::PeerIp::of(header.client);
    source_ = header.client;
    local_ = header.local;
  }
  after_header();
}

// Who the client is, by its address, is known.
void TcpSession::after_header() noexcept {
  if (!admit_client()) return refuse(over_limit);
  if (!core_.options.allow) return choose_target();
  stop_waiting();
  phase_ = Phase::identity;
  char ip[net::max_ip_text];
  asking_who_ = core_.options.identity->identify(net::ip_text(client_, ip), client_.port,
                                                 [this](const IdentitySource::Answer& answer) {
                                                   const bool is_late = asking_who_ != nullptr;
                                                   on_identity(answer.who);
                                                   // At once: frames of a session that has ended are below,
                                                   // and whoever began the event ends it.
                                                   if (is_late) reactor_.end_event();
                                                 });
}

void TcpSession::on_identity(const IdentitySource::Who& who) noexcept {
  if (!who) return refuse(who.error());
  if (!core_.options.allow->allows(who->get())) return refuse(not_allowed);
  choose_target();
}

bool TcpSession::admit_client() noexcept {
  ClientGuard* guard = core_.client_guard.get();
  if (guard == nullptr || client_.family == AF_UNSPEC) return true;
  if (!guard->enter(client_.address(), seat_)) return false;
  return guard->take(seat_, std::chrono::nanoseconds(started_ns_)).count() == 0;
}

void TcpSession::choose_target() noexcept {
  phase_ = Phase::target;
  if (!core_.waiting_for_target.empty() || !try_target()) wait_in(core_.waiting_for_target);
}

bool TcpSession::try_target() noexcept {
  const Result<void> picked = pick();
  if (!picked && picked.error().code == ErrorCode::over_limit) return false;
  stop_waiting();
  picked ? connect() : refuse(picked.error());
  return true;
}

Result<void> TcpSession::pick() noexcept {
  PickContext context;
  context.exclude = std::span(tried_.data(), tried_count_);
  context.affinity = client_affinity(client_, core_.options.affinity);
  context.max_in_flight = core_.options.limits.connections_per_target;
  Result<Lease> lease = core_.balancer.pick(context);
  if (!lease) return std::unexpected(lease.error());
  lease_ = std::move(*lease);
  return {};
}

void TcpSession::connect() noexcept {
  phase_ = Phase::connecting;
  // One deadline for all attempts.
  if (!timeout_.is_set()) reactor_.timeouts().set(timeout_, core_.options.timeouts.connect_deadline);
  UpstreamGroup* group = core_.upstreams.group(lease_.key(), lease_.target());
  // To a range port for port, to a single port from all.
  const std::uint16_t offset = lease_.target().port_count > 1 ? port_offset_ : std::uint16_t{0};
  upstream_ = group == nullptr ? nullptr : core_.upstreams.connect(*group, *this, offset);
  if (upstream_ == nullptr) refuse(out_of_memory);
}

void TcpSession::on_upstream_failed(const Error& error) noexcept {
  upstream_ = nullptr;
  if (phase_ != Phase::connecting) return cut(error);
  if (error.fault == Fault::target) lease_.report(Outcome::failure);
  reported_ = true;
  if (tried_count_ < max_tried) tried_[tried_count_++] = lease_.key();
  release_lease();
  const Result<void> picked = tried_count_ < max_tried ? pick() : Result<void>(std::unexpected(error));
  const std::span tried(tried_.data(), tried_count_);
  if (!picked && picked.error().code == ErrorCode::over_limit) {
    phase_ = Phase::target;
    reported_ = false;
    return wait_in(core_.waiting_for_target);
  }
  // The whole pool has failed: going round again would only keep the client waiting.
  if (!picked || std::ranges::find(tried, lease_.key()) != tried.end()) return refuse(error);
  reported_ = false;
  ++core_.stats.retries;
  connect();
}

void TcpSession::on_upstream_connected() noexcept {
  core_.tune(upstream_->descriptor());
  timeout_.cancel();
  if (core_.options.proxy_protocol != ProxyVersion::none && !send_proxy_header()) {
    const Error error{ErrorCode::connection_reset, Fault::target, false, 0};
    std::exchange(upstream_, nullptr)->end();
    return on_upstream_failed(error);
  }
  begin_relay();
}

bool TcpSession::send_proxy_header() noexcept {
  if (local_.length == 0) {
    const Result<net::SocketAddress> local = net::local_address(descriptor());
    if (local) local_ = *local;
  }
  std::array<char, net::max_proxy_header_written> header;
  const std::size_t length = net::write_proxy_header(core_.options.proxy_protocol, source_, local_, header);
  return upstream_->write(std::string_view(header.data(), length)).has_value();
}

void TcpSession::mind_target(std::span<const TargetKey> in_use) noexcept {
  if (!lease_) return;
  if (std::ranges::binary_search(in_use, lease_.key())) return drain_timeout_.cancel();
  if (!drain_timeout_.is_set()) reactor_.timeouts().set(drain_timeout_, core_.options.timeouts.drain);
}

void TcpSession::on_time() noexcept {
  switch (phase_) {
    case Phase::place:
    case Phase::target:
      return refuse(over_limit);
    case Phase::header:
      return refuse({ErrorCode::client_timeout, Fault::client, false, 0});
    case Phase::identity:
      return;  // whoever is asked has a time-out of its own
    case Phase::connecting:
      if (lease_) lease_.report(Outcome::failure);
      reported_ = true;
      return refuse({ErrorCode::connect_timeout, Fault::target, false, 0});
    case Phase::relaying:
      return cut({ErrorCode::idle_timeout, Fault::client, false, 0});
  }
}

// --- the end ---

// Before a target is connected.
void TcpSession::refuse(const Error& error) noexcept {
  ++(error.fault == Fault::client ? core_.stats.connections_refused : core_.stats.connections_failed);
  end(&error);
}

void TcpSession::cut(const Error& error) noexcept {
  end(&error);
}

// What the connection says of its target, if that was not told at its first byte.
void TcpSession::report_end(const Error* error) noexcept {
  if (!lease_ || reported_) return;
  // A client that has said something and goes has waited for it; one that we end, perhaps for nothing.
  if (to_target_.bytes() != 0 && error != nullptr && error->code == ErrorCode::client_closed)
    lease_.gave_up(elapsed(asked_ns_, uv_hrtime()), false);
  const bool target_failed = error != nullptr && error->fault == Fault::target;
  lease_.report(target_failed ? Outcome::failure : error != nullptr ? Outcome::neutral : Outcome::success);
}

void TcpSession::end(const Error* error) noexcept {
  if (std::exchange(is_over_, true)) return;
  base::ListNode<TcpSession>::unlink();  // before the host's log sink, which may close the proxy
  write_record(error);
  report_end(error);
  to_target_.stop(reactor_);
  to_client_.stop(reactor_);
  if (upstream_ != nullptr) std::exchange(upstream_, nullptr)->end(error != nullptr);
  release_lease();
  timeout_.cancel();
  drain_timeout_.cancel();
  stop_waiting();
  asking_who_.reset();
  seat_.leave();
  header_.clear();
  error != nullptr ? abort() : close();
  reactor_.bury(*this);
  if (std::exchange(has_place_, false)) core_.gate->leave();
  core_.session_ended();
}

void TcpSession::release_lease() noexcept {
  if (!lease_) return;
  drain_timeout_.cancel();
  lease_.add_bytes(to_target_.bytes() + to_client_.bytes());
  lease_.release();
  if (core_.options.limits.connections_per_target != 0) core_.gate->made_room();
}

void TcpSession::write_record(const Error* error) noexcept {
  core_.stats.bytes_in += to_target_.bytes();
  core_.stats.bytes_out += to_client_.bytes();
  if (WorkObserver* observer = core_.options.observer.get()) {
    observer->done({.target = lease_ ? lease_.key() : 0,
                    .retries = tried_count_,
                    .bytes_in = to_target_.bytes(),
                    .bytes_out = to_client_.bytes(),
                    .duration_ns = uv_hrtime() - started_ns_,
                    .first_byte_ns = first_byte_ns_ == 0 ? 0 : first_byte_ns_ - started_ns_,
                    .error = error});
  }
  if (!core_.options.access_log) return;
  char ip[net::max_ip_text];
  std::array<char, max_peer_text> client;
  const UpstreamGroup* group = lease_ ? core_.upstreams.group(lease_.key(), lease_.target()) : nullptr;
  const AccessRecord record{
      .port = core_.options.name,
      .protocol = "tcp",
      .client = peer_text({net::ip_text(client_, ip), client_.port}, client),
      .method = {},
      .uri = {},
      .host = {},
      .user_agent = {},
      .target = group != nullptr ? std::string_view(group->id()) : std::string_view(),
      .retries = tried_count_,
      .bytes_in = to_target_.bytes(),
      .bytes_out = to_client_.bytes(),
      .duration = elapsed(started_ns_, uv_hrtime()),
      .time_to_first_byte = elapsed(started_ns_, first_byte_ns_),
      .error = error == nullptr ? std::string_view() : to_string(error->code),
  };
  core_.log.access(record);
}

}  // namespace evenkeel::proxy
