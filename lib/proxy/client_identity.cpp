// Who a client is, and whether it is let in.
#include <algorithm>
#include <new>

#include "http/identity_fields.hpp"
#include "http/own_response.hpp"
#include "net/proxy_header_reader.hpp"
#include "proxy/client_connection.hpp"

namespace evenkeel::proxy {
void ClientConnection::read_proxy_header() noexcept {
  using State = net::ProxyHeader::State;
  const net::ProxyHeader header = net::take_proxy_header(*this, in_, reactor_.read_buffer());
  if (header.state == State::incomplete) return;
  if (header.state == State::bad) {
    ++core_.stats.connections_refused;
    return end();
  }
  if (header.addressed) set_client(header.client);
  const net::PeerIp ip = net::PeerIp::of(header.client);
  if (core_.client_guard && header.addressed && !core_.client_guard->enter(ip.address(), seat_)) {
    ++core_.stats.connections_refused;
    return refuse(429);
  }
  begin();
}

// False: the answer is on its way, and what the client has to say waits.
bool ClientConnection::knows_who() noexcept {
  const std::shared_ptr<IdentitySource>& source = core_.options.identity;
  if (!source || reactor_.now_ms() < identified_until_ms_) return true;
  if (from_internet_) {
    on_identity({nullptr, std::chrono::hours(24)});
    return true;
  }
  if (asking_who_) return pause_reads(), false;
  bool known = false;
  asking_who_ = source->identify(ip(), port_, [this, &known](IdentitySource::Answer answer) {
    const bool was_waiting = asking_who_ != nullptr;
    on_identity(std::move(answer));
    if (!was_waiting) {
      known = true;
      return;
    }
    asking_who_.reset();
    in_.empty() ? resume_reads() : take_kept_requests();
    reactor_.end_event();
  });
  if (!known) pause_reads();
  return known;
}

void ClientConnection::on_identity(IdentitySource::Answer answer) noexcept {
  // What is known now serves at least the requests of this turn.
  const auto keep = std::max<std::int64_t>(answer.keep.count(), 1);
  identified_until_ms_ = reactor_.now_ms() + static_cast<std::uint64_t>(keep);
  identity_failed_ = !answer.who;
  identity_ = answer.who ? std::move(*answer.who) : nullptr;
  try {
    identity_fields_ = from_internet_
                           ? http::funnel_fields(core_.options.identity_headers)
                           : http::identity_fields(identity_.get(), core_.options.identity_headers);
  } catch (const std::bad_alloc&) {
    identity_.reset();
    identity_fields_.clear();
    identity_failed_ = true;
  }
}

// True when the client is not let in, and has been told so.
bool ClientConnection::refuses(const http::RequestHead& head) noexcept {
  const std::shared_ptr<const AccessList>& allow = core_.options.allow;
  if (!allow || (!identity_failed_ && allow->allows(identity_.get()))) return false;
  http::OwnResponse response;
  response.status = 503;
  response.detail = "Who you are could not be found out just now.";
  response.retry_after_s = 1;
  std::string detail;
  if (!identity_failed_) {
    try {
      detail = allow->refusal(identity_.get());
    } catch (const std::bad_alloc&) {
      detail.clear();
    }
    response.status = 403;
    response.detail = detail;
    response.retry_after_s = 0;
  }
  return answer_self(head, response), true;
}

}  // namespace evenkeel::proxy
