#include "net/resolver.hpp"

#include <cstring>
#include <netdb.h>
#include <new>
#include <utility>

namespace evenkeel::net {
namespace {

Error resolve_error(int status) noexcept {
  return {ErrorCode::resolve_failed, Fault::target, true, status == UV_ENOMEM ? ENOMEM : 0};
}

SocketAddress with_port(const addrinfo& found, std::uint16_t port) noexcept {
  SocketAddress address;
  std::memcpy(&address.storage, found.ai_addr, found.ai_addrlen);
  address.length = found.ai_addrlen;
  if (found.ai_family == AF_INET) reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = htons(port);
  if (found.ai_family == AF_INET6) reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port = htons(port);
  return address;
}

}  // namespace

Lookup& Lookup::operator=(Lookup&& other) noexcept {
  if (request_) request_->done = nullptr;
  request_ = std::move(other.request_);
  return *this;
}

Lookup::~Lookup() {
  if (!request_ || request_->finished) return;
  request_->done = nullptr;
  uv_cancel(reinterpret_cast<uv_req_t*>(&request_->uv));
}

Lookup Lookup::start(uv_loop_t* loop, const Target& target, ResolveDone done) {
  const Result<SocketAddress> literal =
      target.unix_path.empty() ? ip_address(target.host, target.port) : unix_address(target.unix_path);
  if (literal) {
    done(std::vector{*literal});
    return {};
  }
  if (!target.unix_path.empty()) {
    done(std::unexpected(literal.error()));
    return {};
  }
  auto request = std::make_shared<Request>();
  request->done = std::move(done);
  request->port = target.port;
  request->uv.data = new std::shared_ptr<Request>(request);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  const int status = uv_getaddrinfo(loop, &request->uv, on_answer, target.host.c_str(), nullptr, &hints);
  if (status != 0) {
    delete static_cast<std::shared_ptr<Request>*>(request->uv.data);
    request->finished = true;
    std::exchange(request->done, nullptr)(std::unexpected(resolve_error(status)));
    return {};
  }
  Lookup lookup;
  lookup.request_ = std::move(request);
  return lookup;
}

void Lookup::on_answer(uv_getaddrinfo_t* uv, int status, addrinfo* list) {
  const std::unique_ptr<std::shared_ptr<Request>> holder(static_cast<std::shared_ptr<Request>*>(uv->data));
  const std::unique_ptr<addrinfo, decltype(&uv_freeaddrinfo)> owned(list, uv_freeaddrinfo);
  Request& request = **holder;
  request.finished = true;
  if (!request.done) return;
  std::vector<SocketAddress> addresses;
  try {
    for (const addrinfo* found = status == 0 ? list : nullptr; found != nullptr; found = found->ai_next) {
      addresses.push_back(with_port(*found, request.port));
    }
  } catch (const std::bad_alloc&) {
    addresses.clear();
    status = UV_ENOMEM;
  }
  const ResolveDone done = std::exchange(request.done, nullptr);
  if (addresses.empty()) return done(std::unexpected(resolve_error(status)));
  done(std::move(addresses));
}

}  // namespace evenkeel::net
