#include "evenkeel/http_service.hpp"

#include <cerrno>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "admin/service_connection.hpp"
#include "http/field.hpp"
#include "net/address.hpp"
#include "net/listener.hpp"
#include "net/shared_reactor.hpp"
#include "net/socket.hpp"
#include "proxy/waker.hpp"

namespace evenkeel {
namespace {

// Who accepts, and by which kind of socket.
class Door final : public net::Acceptor {
 public:
  Door(admin::ServiceCore& core, bool local) noexcept
      : core_(core), local_(local), listener_(core.reactor, *this) {}
  Result<void> open(net::Fd fd) noexcept { return listener_.open(std::move(fd)); }
  [[nodiscard]] std::uint16_t port() const noexcept { return listener_.port(); }

 private:
  void on_accepted(net::Accepted accepted) noexcept override {
    admin::ServiceConnection::accept(core_, std::move(accepted), local_);
  }

  admin::ServiceCore& core_;
  const bool local_;
  net::Listener listener_;
};

// Somebody answers at a socket's path, or may: then it is not ours to take away.
bool is_in_use(const net::SocketAddress& address) noexcept {
  const Result<net::Connecting> connecting = net::connect_stream(address);
  if (connecting) return true;
  return connecting.error().os_error != ECONNREFUSED && connecting.error().os_error != ENOENT;
}

// Private from its first moment on: the directory may be anybody's.
Result<net::Fd> bind_private(const net::SocketAddress& address) noexcept {
  const mode_t before = ::umask(0177);
  Result<net::Fd> fd = net::listen_stream(address, {.reuse_port = false, .backlog = 128});
  ::umask(before);
  return fd;
}

}  // namespace

std::string_view ServiceRequest::field(std::string_view name) const noexcept {
  for (const auto& [key, value] : fields) {
    if (http::equals_ignoring_case(key, name)) return value;
  }
  return {};
}

struct HttpService::Impl {
  Impl(uv_loop_s* loop, Handler handler, const ServiceOptions& options)
      : shared_reactor(loop),
        core(shared_reactor.get(), std::move(handler), options),
        last(loop, [](void*) {}, this) {
    core.reactor.timeouts().prepare({options.request, options.idle});
  }

  Result<void> open(net::Fd fd, bool local) {
    auto door = std::make_unique<Door>(core, local);
    const Result<void> opened = door->open(std::move(fd));
    if (!opened) return opened;
    if (!local && bound_port == 0) bound_port = door->port();
    doors.push_back(std::move(door));
    return {};
  }

  net::SharedReactor shared_reactor;
  admin::ServiceCore core;
  std::vector<std::unique_ptr<Door>> doors;
  std::vector<std::string> paths;
  std::uint16_t bound_port = 0;
  proxy::Waker last;  // the handle that goes last
  bool closed = false;
};

HttpService::HttpService(uv_loop_s* loop, Handler handler, ServiceOptions options)
    : impl_(std::make_unique<Impl>(loop, std::move(handler), options)) {}

HttpService::~HttpService() {
  close({});
}

Result<void> HttpService::listen(const ListenAddress& address) {
  const Result<net::SocketAddress> place = net::ip_address(address.host, address.port);
  if (!place) return std::unexpected(place.error());
  Result<net::Fd> fd =
      net::listen_stream(*place, {.reuse_port = address.reuse_port, .backlog = address.backlog});
  if (!fd) return std::unexpected(fd.error());
  return impl_->open(std::move(*fd), false);
}

Result<void> HttpService::listen_unix(const std::string& path) {
  const Result<net::SocketAddress> place = net::unix_address(path);
  if (!place) return std::unexpected(place.error());
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode) || is_in_use(*place)) return std::unexpected(net::setup_error(EADDRINUSE));
    ::unlink(path.c_str());
  }
  Result<net::Fd> fd = bind_private(*place);
  if (!fd) return std::unexpected(fd.error());
  impl_->paths.push_back(path);
  return impl_->open(std::move(*fd), true);
}

std::uint16_t HttpService::port() const noexcept {
  return impl_->bound_port;
}

void HttpService::close(std::function<void()> closed) {
  if (std::exchange(impl_->closed, true)) return;
  impl_->doors.clear();
  for (const std::string& path : impl_->paths) ::unlink(path.c_str());
  while (admin::ServiceConnection* client = impl_->core.connections.front()) client->end();
  impl_->core.reactor.end_event();
  impl_->shared_reactor.leave();
  impl_->last.close(std::move(closed));
}

}  // namespace evenkeel
