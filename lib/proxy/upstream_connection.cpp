#include "proxy/upstream_connection.hpp"

#include <utility>

#include "net/socket.hpp"
#include "proxy/upstream_pool.hpp"

namespace evenkeel::proxy {

UpstreamConnection::UpstreamConnection(UpstreamPool& pool, UpstreamGroup& group, UpstreamUser& user,
                                       std::uint16_t port_offset)
    : Connection(pool.reactor_),
      pool_(pool),
      group_(group),
      user_(&user),
      timeout_([](void* self) { static_cast<UpstreamConnection*>(self)->on_timeout(); }, this),
      partial_head_(pool.reactor_.blocks()),
      port_offset_(port_offset) {
  ++pool_.open_;
  ++group_.connections_;
}

UpstreamConnection::~UpstreamConnection() = default;

void UpstreamConnection::end(bool cut) noexcept {
  if (std::exchange(ended_, true)) return;
  --pool_.open_;
  --group_.connections_;
  pool_.forget_idle(*this);
  AddressWaiter::unlink();
  net::Task::unlink();
  timeout_.cancel();
  partial_head_.clear();
  user_ = nullptr;
  if (cut) {
    abort();
  } else {
    close();
  }
  reactor_.bury(*this);
}

void UpstreamConnection::start() noexcept {
  reactor_.timeouts().set(timeout_, pool_.connect_timeout_);
  try_next_address();
}

void UpstreamConnection::on_addresses(const Error* failure) noexcept {
  failure == nullptr ? start() : fail_later(*failure);
}

void UpstreamConnection::try_next_address() noexcept {
  close();
  while (next_address_ < group_.addresses_.list().size()) {
    Result<net::Connecting> connecting =
        net::connect_stream(group_.addresses_.list()[next_address_++].shifted(port_offset_));
    if (!connecting) {
      error_ = connecting.error();
      continue;
    }
    const Result<void> opened =
        connecting->done ? open(std::move(connecting->fd)) : open_connecting(std::move(connecting->fd));
    if (!opened) return fail_later(opened.error());
    if (connecting->done) after_connect();
    return;
  }
  fail_later(error_);
}

// A user must not be called back from within the call that asked for the connection.
void UpstreamConnection::after_connect() noexcept {
  if (!group_.tls_peer_) {
    connected_ = true;
    return reactor_.defer(*this);
  }
  if (!secure(pool_.tls_connector_.connect(*group_.tls_peer_, group_.tls_session_))) {
    fail_later({ErrorCode::tls_handshake_failed, Fault::us, true, 0});
  }
}

void UpstreamConnection::on_secured() noexcept {
  connected_ = true;
  reactor_.defer(*this);
}

void UpstreamConnection::on_insecure() noexcept {
  fail_later(tls().error());
}

void UpstreamConnection::fail_later(const Error& error) noexcept {
  error_ = error;
  reactor_.defer(*this);
}

void UpstreamConnection::run() noexcept {
  UpstreamUser* user = user_;
  if (user == nullptr) return;
  if (connected_) {
    timeout_.cancel();
    user->on_upstream_connected();
    return;
  }
  const Error error = error_;
  end();
  user->on_upstream_failed(error);
}

void UpstreamConnection::on_connect() noexcept {
  const Result<void> result = net::connect_result(descriptor());
  if (!result) {
    error_ = result.error();
    try_next_address();
    return;
  }
  listen_for_reads();
  after_connect();
}

void UpstreamConnection::on_timeout() noexcept {
  UpstreamUser* user = user_;
  end();
  if (user != nullptr) {
    user->on_upstream_failed({ErrorCode::connect_timeout, Fault::target, true, 0});
  }
}

void UpstreamConnection::on_readable() noexcept {
  if (user_ == nullptr) return look_while_idle();
  user_->on_upstream_readable();
}

// Anything on an idle connection, a byte or its end, makes it useless. But the report may be of the last
// response's bytes, which were read since.
void UpstreamConnection::look_while_idle() noexcept {
  if (!is_quiet()) return end();
  note_empty();
}

void UpstreamConnection::on_partly_sent() noexcept {
  if (user_ != nullptr) user_->on_upstream_partly_sent();
}

void UpstreamConnection::on_drained() noexcept {
  if (user_ != nullptr) user_->on_upstream_drained();
}

void UpstreamConnection::on_failed() noexcept {
  if (user_ == nullptr) return end();
  user_->on_upstream_broken();
}

}  // namespace evenkeel::proxy
