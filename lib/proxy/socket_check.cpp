#include "proxy/socket_check.hpp"

#include <array>
#include <sys/socket.h>
#include <utility>

#include "net/proxy_protocol.hpp"

namespace evenkeel::proxy {

void SocketCheck::start(const Target& target, std::chrono::milliseconds timeout, Done done) {
  deadline_ns_ = uv_hrtime() + static_cast<std::uint64_t>(std::chrono::nanoseconds(timeout).count());
  target_ = target;
  done_ = std::move(done);
  Target place = target;
  if (options_.port && place.unix_path.empty()) place.port = *options_.port;
  lookup_ = net::Lookup::start(loop_, place, [this](Result<std::vector<net::SocketAddress>> found) {
    if (!found) return fail_with(found.error());
    addresses_ = *std::move(found);
    connect_next();
  });
}

void SocketCheck::connect_next() {
  while (next_address_ < addresses_.size()) {
    poll_.reset();
    fd_.reset();
    auto connecting = connect(addresses_[next_address_++]);
    if (!connecting) {
      last_error_ = connecting.error();
      continue;
    }
    fd_ = std::move(connecting->fd);
    poll_ = net::make_handle<uv_poll_t>(uv_poll_init, loop_, fd_.get());
    if (!poll_) return fail_with({ErrorCode::system, Fault::us, false, 0});
    poll_->data = this;
    connected_ = connecting->done;
    if (connected_) return introduce();
    return wait_for(UV_WRITABLE);
  }
  fail_with(last_error_);
}

void SocketCheck::wait_for(int uv_events) {
  uv_poll_start(poll_.get(), uv_events, [](uv_poll_t* handle, int /*status*/, int /*events*/) {
    // An error shows in the system call that follows, with its reason.
    if (handle->data != nullptr) static_cast<SocketCheck*>(handle->data)->on_poll();
  });
}

void SocketCheck::on_poll() {
  if (connected_) return on_ready();
  const Result<void> result = net::connect_result(fd_.get());
  if (!result) return fail_here(result.error());
  connected_ = true;
  introduce();
}

// What listens at another port than the target's may not wait for a header. A socket that was just connected
// has room for one.
void SocketCheck::introduce() {
  const bool is_its_own = !options_.port || !target_.unix_path.empty() || *options_.port == target_.port;
  if (options_.proxy_protocol != ProxyVersion::none && is_its_own) {
    const Result<net::SocketAddress> own = net::local_address(fd_.get());
    std::array<char, net::max_proxy_header_written> header;
    const std::size_t length = net::write_proxy_header(
        options_.proxy_protocol, own.value_or(net::SocketAddress{}), addresses_[next_address_ - 1], header);
    if (::send(fd_.get(), header.data(), length, MSG_NOSIGNAL) != static_cast<ssize_t>(length))
      return fail_here({ErrorCode::connection_reset, Fault::target, true, 0});
  }
  on_connected();
}

std::chrono::nanoseconds SocketCheck::time_left() const noexcept {
  const std::uint64_t now = uv_hrtime();
  return std::chrono::nanoseconds(now < deadline_ns_ ? deadline_ns_ - now : 0);
}

void SocketCheck::fail_here(const Error& error) {
  last_error_ = error;
  connect_next();
}

void SocketCheck::fail_with(const Error& error) {
  our_fault_ = error.fault == Fault::us;
  fail(std::string(to_string(error.code)));
}

void SocketCheck::finish(std::optional<std::string> failure) {
  poll_.reset();
  fd_.reset();
  if (const Done done = std::exchange(done_, nullptr)) done(std::move(failure));
}

}  // namespace evenkeel::proxy
