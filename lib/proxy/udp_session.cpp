#include "proxy/udp_session.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "base/hash.hpp"
#include "proxy/affinity.hpp"
#include "proxy/record_text.hpp"
#include "proxy/udp_core.hpp"

namespace evenkeel::proxy {
namespace {

// Events of one turn that a single session may take before others have theirs.
constexpr int receives_an_event = 4;

// A session that an ICMP message has moved looks for its own target again after this long.
constexpr std::uint64_t try_home_after_ms = 5'000;

}  // namespace

std::size_t UdpClientHash::operator()(const UdpClient& client) const noexcept {
  static_assert(sizeof client.peer.raw == 28);
  std::uint64_t words[6] = {};
  std::memcpy(words, &client.peer.raw, sizeof client.peer.raw);
  std::memcpy(&words[4], client.local.bytes.data(), client.local.bytes.size());
  std::uint64_t hash = seed ^ static_cast<std::uint64_t>(client.source.fd);
  for (const std::uint64_t word : words) hash = base::mix(hash ^ word);
  return hash;
}

std::size_t UdpClientHash::operator()(const UdpSession* session) const noexcept {
  return (*this)(session->client());
}

bool UdpClientEqual::operator()(const UdpClient& a, const UdpSession* b) const noexcept {
  return a == b->client();
}

UdpSession::UdpSession(UdpCore& core, const UdpClient& client) noexcept
    : core_(core),
      client_(client),
      idle_([](void* self) { static_cast<UdpSession*>(self)->on_idle(); }, this),
      first_(core.reactor.blocks()),
      started_ns_(uv_hrtime()) {}

UdpSession::~UdpSession() = default;

void UdpSession::restart_idle() noexcept {
  core_.reactor.timeouts().set(idle_, core_.idle());
}

// --- from the client ---

void UdpSession::on_client_datagrams(std::span<const net::Datagrams> datagrams) noexcept {
  established_ = established_ || was_answered_;
  core_.touch(*this);
  for (const net::Datagrams& datagram : datagrams) {
    bytes_in_ += datagram.bytes.size();
    core_.stats.bytes_in += datagram.bytes.size();
    core_.stats.datagrams_in += datagram.count();
    owed_ += std::uint64_t{core_.options.replies} * datagram.count();
  }
  mind_pool();
  send(datagrams);
}

// Its target may be in use no more, or the one that it had to leave may be back: the pool says so, or some
// time has passed since an ICMP message that the pool may never have heard of.
void UdpSession::mind_pool() noexcept {
  const bool is_away = home_ != 0 && lease_ && lease_.key() != home_;
  const bool try_home =
      is_away && core_.is_usable(home_) &&
      (pool_version_ != core_.pool_version() || core_.reactor.now_ms() - left_home_ms_ >= try_home_after_ms);
  if (pool_version_ == core_.pool_version() && !try_home) return;
  pool_version_ = core_.pool_version();
  if (!lease_) return;
  const TargetKey current = lease_.key();
  const bool must_leave = core_.is_gone_or_sick(current);
  if (!try_home && !must_leave) return;
  left_home_ms_ = core_.reactor.now_ms();
  Lease before = std::move(lease_);
  const bool reported_before = reported_;
  const bool found = pick(must_leave ? current : TargetKey{0}) && lease_.key() != current;
  if (!found || (!must_leave && lease_.key() != home_)) {
    lease_ = std::move(before);  // nothing better
    reported_ = reported_before;
    return;
  }
  if (home_ == 0 && core_.by_affinity) home_ = current;
  if (lease_.key() == home_) home_ = 0;
  Lease after = std::move(lease_);
  lease_ = std::move(before);
  reported_ = reported_before;
  let_go_of_target();
  lease_ = std::move(after);
  reported_ = false;
}

void UdpSession::send(std::span<const net::Datagrams> datagrams) noexcept {
  if (!reported_) asked_ns_ = uv_hrtime();
  // Once more for each target that turns out to be unreachable, as long as there is another one.
  constexpr int most_attempts = 3;
  for (int attempt = 0; attempt < most_attempts && !datagrams.empty(); ++attempt) {
    const Connected connected = fd_ ? Connected::yes : connect();
    if (connected == Connected::no_target) {
      leave_failed_target();
      continue;
    }
    if (connected == Connected::later && first_.empty() && keep_first(datagrams.front())) {
      datagrams = datagrams.subspan(1);
    }
    if (connected != Connected::yes) break;
    const net::SendOutcome outcome = net::send_datagrams(fd_.get(), datagrams, false);
    core_.stats.datagrams_dropped += outcome.lost;
    datagrams = datagrams.subspan(outcome.sent);
    if (outcome.os_error != 0) on_unreachable();
  }
  for (const net::Datagrams& lost : datagrams) core_.stats.datagrams_dropped += lost.count();
}

bool UdpSession::pick(TargetKey avoid) noexcept {
  PickContext context;
  const std::array<TargetKey, 1> avoided{avoid};
  if (avoid != 0) context.exclude = avoided;
  context.affinity = client_affinity(client_.peer.ip(), core_.options.affinity);
  Result<Lease> lease = core_.balancer.pick(context);
  if (!lease) return false;
  lease_ = std::move(*lease);
  reported_ = false;
  return true;
}

UdpSession::Connected UdpSession::connect() noexcept {
  if (AddressWaiter::linked()) return Connected::later;
  if (!lease_) {
    if (!pick(std::exchange(avoided_, 0))) return Connected::no_means;
    asked_ns_ = uv_hrtime();
  }
  TargetAddresses* addresses = core_.addresses(lease_.key(), lease_.target());
  if (addresses == nullptr) return Connected::no_means;
  const TargetAddresses::State state = addresses->ask(*this);
  if (state == TargetAddresses::State::waiting) return Connected::later;
  const std::uint16_t offset = lease_.target().port_count > 1 ? client_.source.port_offset : std::uint16_t{0};
  for (const net::SocketAddress& address : addresses->list()) {
    const Result<void> opened = open_socket(address.shifted(offset));
    if (opened) return Connected::yes;
    if (opened.error().fault == Fault::us) return Connected::no_means;
  }
  return Connected::no_target;
}

Result<void> UdpSession::open_socket(const net::SocketAddress& address) noexcept {
  Result<net::Fd> fd = net::connect_datagram(address);
  // No port or descriptor is left for it: one that can be missed gives its own.
  if (!fd && fd.error().fault == Fault::us && core_.evict_for(*this)) fd = net::connect_datagram(address);
  if (!fd) return std::unexpected(fd.error());
  const Result<void> watched = core_.reactor.poller().watch(fd->get(), net::io::readable, *this);
  if (watched) fd_ = std::move(*fd);
  return watched;
}

void UdpSession::on_addresses(const Error* failure) noexcept {
  if (failure != nullptr) return leave_failed_target();
  base::Buffer first = std::move(first_);
  net::Datagrams datagram;
  datagram.bytes = first.bytes();
  if (!first.empty()) send(std::span(&datagram, 1));
}

bool UdpSession::keep_first(const net::Datagrams& datagram) noexcept {
  return datagram.segment == 0 && first_.append({datagram.bytes.data(), datagram.bytes.size()});
}

// ICMP said so.
void UdpSession::on_unreachable() noexcept {
  ++core_.stats.unreachable;
  leave_failed_target();
}

// The next datagram goes elsewhere, and what is known of the target grows.
void UdpSession::leave_failed_target() noexcept {
  if (!lease_) return;
  report(Outcome::failure);
  avoided_ = lease_.key();
  if (home_ == 0 && core_.by_affinity) home_ = avoided_;
  left_home_ms_ = core_.reactor.now_ms();
  let_go_of_target();
}

void UdpSession::let_go_of_target() noexcept {
  AddressWaiter::unlink();
  if (!first_.empty()) ++core_.stats.datagrams_dropped;
  first_.clear();
  if (fd_) core_.reactor.poller().close(std::move(fd_));
  if (!reported_) report(Outcome::neutral);
  lease_.release();
}

// --- from the target ---

void UdpSession::on_io(unsigned events) noexcept {
  for (int i = 0; i < receives_an_event && fd_; ++i) {
    net::DatagramBatch& batch = core_.replies();
    bool emptied = false;
    const auto received = batch.receive(fd_.get(), emptied);
    if (!received) return on_unreachable();
    if (!received->empty()) take_replies(*received);
    if (is_over_ || !fd_) return;
    if (emptied) {
      core_.reactor.poller().used_up(fd_.get(), net::io::readable, true);
      break;
    }
  }
  // An error that the reads above did not tell of has been told by a send.
  if ((events & net::io::failed) != 0 && fd_) on_unreachable();
}

void UdpSession::take_replies(std::span<net::Datagrams> replies) noexcept {
  for (net::Datagrams& reply : replies) {
    reply.fd = reply.truncated ? -1 : client_.source.fd;
    reply.framed = client_.source.framed;
    reply.peer = client_.peer;
    reply.local = client_.local;
    bytes_out_ += reply.bytes.size();
    core_.stats.bytes_out += reply.bytes.size();
    core_.stats.datagrams_out += reply.count();
    owed_ -= std::min<std::uint64_t>(owed_, reply.count());
  }
  was_answered_ = true;
  if (!reported_) {
    lease_.answered(elapsed(asked_ns_, uv_hrtime()));
    report(Outcome::success);
  }
  if (core_.options.replies != 0 && owed_ == 0) return end();
  if (core_.has_clients()) core_.touch(*this);
}

// --- the end ---

void UdpSession::report(Outcome outcome) noexcept {
  if (!lease_) return;
  lease_.report(outcome);
  reported_ = true;
}

void UdpSession::end() noexcept {
  if (std::exchange(is_over_, true)) return;
  base::ListNode<UdpSession>::unlink();  // before the host's log sink, which may close the proxy
  write_record();
  if (lease_) lease_.add_bytes(bytes_in_ + bytes_out_);
  let_go_of_target();
  idle_.cancel();
  core_.session_ended(*this);
  core_.reactor.bury(*this);
}

void UdpSession::write_record() noexcept {
  if (WorkObserver* observer = core_.options.observer.get()) {
    observer->done({.target = lease_ ? lease_.key() : 0,
                    .bytes_in = bytes_in_,
                    .bytes_out = bytes_out_,
                    .duration_ns = uv_hrtime() - started_ns_});
  }
  if (!core_.options.access_log) return;
  char ip[net::max_ip_text];
  std::array<char, max_peer_text> client;
  const net::PeerIp peer = client_.peer.ip();
  std::string target;
  try {
    if (lease_) target = lease_.target().id();
  } catch (const std::bad_alloc&) {
    target.clear();
  }
  const AccessRecord record{
      .port = core_.options.name,
      .protocol = "udp",
      .client = peer_text({net::ip_text(peer, ip), peer.port}, client),
      .method = {},
      .uri = {},
      .host = {},
      .user_agent = {},
      .target = target,
      .bytes_in = bytes_in_,
      .bytes_out = bytes_out_,
      .duration = elapsed(started_ns_, uv_hrtime()),
      .time_to_first_byte = {},
      .error = {},
  };
  core_.log.access(record);
}

}  // namespace evenkeel::proxy
