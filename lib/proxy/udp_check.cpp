#include "proxy/udp_check.hpp"

#include <array>
#include <cerrno>
#include <sys/socket.h>

namespace evenkeel::proxy {
namespace {

constexpr std::size_t max_reply = 4'096;  // what is behind is cut off

}  // namespace

Result<net::Connecting> UdpCheck::connect(const net::SocketAddress& address) {
  net::Connecting connecting{
      net::Fd(::socket(address.storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), true};
  if (!connecting.fd) return std::unexpected(net::setup_error(errno));
  if (::connect(connecting.fd.get(), address.raw(), address.length) != 0) {
    return std::unexpected(net::connect_error(errno));
  }
  return connecting;
}

void UdpCheck::on_connected() {
  // With nothing to send it is an empty datagram. One that the kernel has no room for now is one that got
  // lost on its way.
  const ssize_t sent = ::send(descriptor(), options().send.data(), options().send.size(), MSG_NOSIGNAL);
  if (sent < 0 && !net::would_block(errno)) return fail_here(net::connect_error(errno));
  wait_for(UV_READABLE);
  if (silence_passes()) start_silence();
}

void UdpCheck::on_ready() {
  std::array<char, max_reply> bytes;
  const ssize_t got = ::recv(descriptor(), bytes.data(), bytes.size(), 0);
  if (got < 0 && !net::would_block(errno) && errno != EINTR) return fail_here(net::connect_error(errno));
  if (got >= 0) {
    // An empty `receive` is in every reply.
    if (std::string_view(bytes.data(), static_cast<std::size_t>(got)).contains(options().receive))
      return pass();
    wrong_reply_ = true;
  }
  wait_for(UV_READABLE);
}

void UdpCheck::start_silence() {
  silence_ = net::make_handle<uv_timer_t>(uv_timer_init, loop());
  if (!silence_) return fail_here({ErrorCode::system, Fault::us, false, 0});
  silence_->data = this;
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(time_left() / 2);
  uv_update_time(loop());  // the loop's cached time may be long past: the timer would be early
  uv_timer_start(
      silence_.get(),
      [](uv_timer_t* timer) {
        // Does nothing when the check has ended, and waits for its grave.
        if (timer->data != nullptr) static_cast<UdpCheck*>(timer->data)->pass();
      },
      static_cast<std::uint64_t>(wait.count()), 0);
}

}  // namespace evenkeel::proxy
