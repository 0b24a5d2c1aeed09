#include "proxy/wire.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>

#include "net/address.hpp"
#include "net/socket.hpp"
#include "proxy/client_connection.hpp"

namespace evenkeel::test {
namespace {

// More than any exchange needs; a proxy that spins does not hang the test.
constexpr int most_rounds = 2'000;
constexpr int most_turns = 2'000;

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

}  // namespace

// --- WirePeer ---

void WirePeer::say(std::string_view bytes) {
  if (!fd_) return;
  unsaid_ += bytes;
  push();
}

void WirePeer::finish() {
  finishing_ = true;
  push();
}

bool WirePeer::push() {
  if (!fd_) return false;
  bool moved = false;
  while (!unsaid_.empty()) {
    const ssize_t count = ::send(fd_.get(), unsaid_.data(), unsaid_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return moved;
    if (count < 0) unsaid_.clear();  // nobody listens any more
    if (count > 0) unsaid_.erase(0, static_cast<std::size_t>(count));
    moved = true;
  }
  if (finishing_) {
    finishing_ = false;
    ::shutdown(fd_.get(), SHUT_WR);
    moved = true;
  }
  return moved;
}

bool WirePeer::pull() {
  bool moved = false;
  static std::array<char, 65'536> buffer;
  while (fd_ && !deaf && !ended_) {
    const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) break;
    if (count > 0) got.append(buffer.data(), static_cast<std::size_t>(count));
    ended_ = count <= 0;
    moved = true;
    // Fewer than there was room for: there is no more now, and an end shows the next time.
    if (count > 0 && static_cast<std::size_t>(count) < buffer.size()) break;
  }
  return moved;
}

bool WirePeer::move() {
  const bool pushed = (finishing_ || !unsaid_.empty()) && push();
  return pull() || pushed;
}

// --- RecordSink ---

void RecordSink::access(const AccessRecord& record) noexcept {
  if (count_ == records_.size()) std::abort();
  records_[count_++] = {
      record.status, record.retries, record.bytes_in, record.bytes_out, record.error, record.method == "HEAD",
  };
}

// --- Wire ---

Wire::Wire(const HttpOptions& options, unsigned targets, std::string_view strategy) : pool_({}, clock_) {
  // Moving a large body by splice(2) needs what every host of a proxy does.
  std::signal(SIGPIPE, SIG_IGN);
  require(uv_loop_init(&loop_) == 0, "no loop");
  const char* parent = std::getenv("TMPDIR");
  directory_ = std::string(parent == nullptr ? "/tmp" : parent) + "/evenkeel-wire-XXXXXX";
  require(::mkdtemp(directory_.data()) != nullptr, "no directory");
  for (unsigned number = 0; number < targets; ++number) add_target(number);
  const Result<StrategyMaker> maker = find_strategy(strategy);
  require(maker.has_value(), "no strategy");
  core_ = std::make_unique<proxy::HttpCore>(&loop_, pool_, (*maker)({}), options, records_);
}

void Wire::add_target(unsigned number) {
  const std::string path = directory_ + "/" + std::to_string(number);
  const Result<net::SocketAddress> address = net::unix_address(path);
  require(address.has_value(), "the directory's name is too long");
  Result<net::Fd> listener = net::listen_stream(*address, {});
  require(listener.has_value(), "cannot listen");
  listeners_.push_back(std::move(*listener));
  const Result<Target> target = Target::parse("unix:" + path);
  require(target && pool_.add(*target, Health::up), "no target");
}

Wire::~Wire() {
  while (proxy::ClientConnection* client = core_->clients.front()) client->stop();
  core_->upstreams.close_idle();
  core_->reactor.close();
  uv_run(&loop_, UV_RUN_DEFAULT);
  core_.reset();
  // A handle that nobody closed shows here.
  if (uv_loop_close(&loop_) != 0) std::abort();
  for (unsigned number = 0; number < listeners_.size(); ++number) {
    ::unlink((directory_ + "/" + std::to_string(number)).c_str());
  }
  ::rmdir(directory_.c_str());
}

WirePeer& Wire::connect() {
  int ends[2];
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0, "no sockets");
  net::Accepted accepted{net::Fd(ends[0]), *net::ip_address("192.0.2.7", 51'034)};
  WirePeer& client = *clients_.emplace_back(std::make_unique<WirePeer>(net::Fd(ends[1])));
  enter_proxy();
  proxy::ClientConnection::accept(*core_, std::move(accepted));
  core_->reactor.end_event();
  leave_proxy();
  return client;
}

void Wire::pass(std::chrono::milliseconds time) {
  const std::uint64_t until = uv_now(&loop_) + static_cast<std::uint64_t>(time.count());
  while (uv_now(&loop_) < until) uv_update_time(&loop_);
}

// Nothing that libuv would do at once, and nothing that the kernel would tell it.
bool Wire::is_loop_idle() {
  // A loop with nothing to wait for has no time to wait either.
  if (uv_loop_alive(&loop_) != 0 && uv_backend_timeout(&loop_) == 0) return false;
  pollfd events{.fd = uv_backend_fd(&loop_), .events = POLLIN, .revents = 0};
  return ::poll(&events, 1, 0) == 0;
}

// Two idle turns in a row: a socket that is watched from the end of a turn on is shown to the kernel only
// in the next one.
bool Wire::run_loop() {
  int idle = 0;
  for (int turn = 0; turn < most_turns && idle < 2; ++turn) {
    enter_proxy();
    uv_run(&loop_, UV_RUN_NOWAIT);
    leave_proxy();
    idle = is_loop_idle() ? idle + 1 : 0;
  }
  return idle == 2;
}

bool Wire::accept_upstreams() {
  bool moved = false;
  for (unsigned number = 0; number < listeners_.size(); ++number) {
    while (net::has_waiting(listeners_[number].get())) {
      Result<net::Accepted> accepted = net::accept_stream(listeners_[number].get());
      if (!accepted) break;
      upstreams_.push_back(std::make_unique<WirePeer>(std::move(accepted->fd), number));
      moved = true;
      if (on_target) on_target(*upstreams_.back());
    }
  }
  return moved;
}

bool Wire::settle() {
  for (int round = 0; round < most_rounds; ++round) {
    if (!run_loop()) return false;
    bool moved = accept_upstreams();
    for (const auto& client : clients_) moved = client->move() || moved;
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
      WirePeer& peer = *upstreams_[i];
      const std::size_t before = peer.got.size();
      moved = peer.move() || moved;
      if (on_target && peer.got.size() != before) on_target(peer);
    }
    if (!moved) return true;
  }
  return false;
}

bool Wire::hang_up() {
  clients_.clear();
  upstreams_.clear();
  const bool settled = settle();
  // What had still been waiting to be accepted.
  upstreams_.clear();
  if (!settled || !settle()) return false;
  bool clean = core_->stats.client_connections == 0 && core_->upstreams.open() == 0;
  for (const TargetStatus& target : pool_.status()) clean = clean && target.in_flight == 0;
  return clean;
}

}  // namespace evenkeel::test
