// bench_tls_connect PORT PATH TOGETHER COUNT full|resumed [RATE]: makes COUNT TLS connections, TOGETHER at a
// time; each asks for PATH once, waits for the answer, and is closed. With RATE they begin at so many a
// second, whether or not earlier ones have ended, as long as no more than TOGETHER are under way.
//
// Prints {"done": N, "resumed": N, "seconds": S}. Resumed ones are preceded by a full one, whose ticket all
// of them have. Fails when one is refused, is resumed and should not be or the other way round, ends in
// another version, cipher or group than all proxies are to be measured at, or is not answered with 200.
#include <cstdint>
#include <cstdio>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <utility>
#include <vector>

#include "load/clock.hpp"
#include "load/epoll.hpp"
#include "load/tls.hpp"
#include "load/tls_visit.hpp"
#include "loopback.hpp"

namespace bench = evenkeel::bench;
namespace net = evenkeel::net;

namespace {

using namespace std::chrono_literals;
using State = bench::TlsVisit::State;
constexpr auto most_time = 60s;
constexpr std::uint64_t burst = 64;  // that a late rate catches up by

struct Plan {
  std::uint16_t port = 0;
  std::string request;
  unsigned together = 0;
  std::uint64_t count = 0;
  bool resume = false;
  unsigned rate = 0;  // 0: as fast as they end
};

class Visitors {
 public:
  explicit Visitors(Plan plan) : plan_(std::move(plan)), context_(bench::client_context()) {
    SSL_CTX_set_app_data(context_.get(), this);
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context_.get(), [](SSL* ssl, SSL_SESSION* session) {
      // OpenSSL hands the mark of a session that was used up on to the one that follows it.
      if (SSL_SESSION_is_resumable(session) == 0) return 0;
      static_cast<Visitors*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->ticket_.reset(session);
      return 1;
    });
    visits_.resize(plan_.together);
    for (std::uint32_t i = plan_.together; i > 0; --i) idle_.push_back(i - 1);
  }

  // False: why is in problem(); errno may tell more.
  bool run();
  [[nodiscard]] std::uint64_t done() const noexcept { return done_; }
  [[nodiscard]] std::uint64_t resumed() const noexcept { return resumed_; }
  [[nodiscard]] const char* problem() const noexcept { return problem_; }

 private:
  bool fail(const char* problem) {
    problem_ = problem;
    return false;
  }
  bool open();
  bool step(std::uint32_t index);
  bool open_due(bench::Pacer& pacer);

  const Plan plan_;
  const net::SslContextPtr context_;
  net::SessionPtr ticket_;
  bench::Epoll epoll_;
  std::vector<bench::TlsVisit> visits_;
  std::vector<std::uint32_t> idle_;
  std::uint64_t opened_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t resumed_ = 0;
  const char* problem_ = "";
};

bool Visitors::run() {
  const auto start = bench::Clock::now();
  bench::Pacer pacer(plan_.rate == 0 ? 1 : plan_.rate, burst, start);
  while (done_ < plan_.count) {
    if (bench::Clock::now() > start + most_time) return fail("it takes too long");
    if (!open_due(pacer)) return false;
    const bool paced = plan_.rate != 0 && opened_ < plan_.count && !idle_.empty();
    const int patience = paced ? bench::milliseconds_until(pacer.next(), bench::Clock::now()) : 1'000;
    for (const epoll_event& event : epoll_.wait(patience)) {
      if (!step(event.data.u32)) return false;
    }
  }
  return true;
}

bool Visitors::open_due(bench::Pacer& pacer) {
  // The one that brings the first ticket goes alone.
  const std::uint64_t until = plan_.resume && done_ == 0 ? 1 : plan_.count;
  while (opened_ < until && !idle_.empty() && (plan_.rate == 0 || pacer.take(bench::Clock::now()))) {
    if (!open()) return false;
  }
  return true;
}

bool Visitors::open() {
  const std::uint32_t index = idle_.back();
  net::Fd fd = bench::connect_in_turn(static_cast<unsigned>(opened_), plan_.port);
  int on = 1;
  // What ends the handshake and the request are two packets: the second must not wait for the first.
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!fd || ::ioctl(fd.get(), FIONBIO, &on) != 0) return fail("no connection");
  // A copy: OpenSSL marks one of TLS 1.3 as used up, which several may share here.
  const net::SessionPtr session(plan_.resume && ticket_ ? SSL_SESSION_dup(ticket_.get()) : nullptr);
  idle_.pop_back();
  ++opened_;
  visits_[index] = bench::TlsVisit(std::move(fd), context_.get(), session.get());
  return epoll_.add(visits_[index].fd(), EPOLLIN, index) && step(index);
}

bool Visitors::step(std::uint32_t index) {
  bench::TlsVisit& visit = visits_[index];
  const State state = visit.step(plan_.request);
  if (state == State::failed) return fail("a handshake or an answer is not as it should be");
  if (state == State::waiting) return true;
  const bool expected = plan_.resume && done_ != 0;
  if (visit.is_resumed() != expected) return fail(expected ? "one is not resumed" : "one is resumed");
  if (expected) ++resumed_;
  ++done_;
  visit.close();
  idle_.push_back(index);
  return true;
}

std::optional<Plan> plan_of(int argc, char** argv) {
  if (argc != 6 && argc != 7) return std::nullopt;
  const auto port = bench::port_of(argv[1]);
  const auto together = bench::number_of<unsigned>(argv[3]);
  const auto count = bench::number_of<std::uint64_t>(argv[4]);
  const std::string_view kind = argv[5];
  const auto rate = argc == 7 ? bench::number_of<unsigned>(argv[6]) : std::optional(0U);
  if (!port || !together || !count || !rate || (kind != "full" && kind != "resumed")) return std::nullopt;
  std::string request = std::string("GET ") + argv[2] + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  return Plan{*port, std::move(request), *together, *count, kind == "resumed", *rate};
}

}  // namespace

int main(int argc, char** argv) {
  auto plan = plan_of(argc, argv);
  if (!plan) {
    std::fprintf(stderr, "usage: bench_tls_connect PORT PATH TOGETHER COUNT full|resumed [RATE]\n");
    return 2;
  }
  Visitors visitors(std::move(*plan));
  const auto start = bench::Clock::now();
  if (!visitors.run()) {
    std::perror("bench_tls_connect");
    std::fprintf(stderr, "after %llu connections: %s\n", static_cast<unsigned long long>(visitors.done()),
                 visitors.problem());
    return 1;
  }
  std::printf("{\"done\": %llu, \"resumed\": %llu, \"seconds\": %.3f}\n",
              static_cast<unsigned long long>(visitors.done()),
              static_cast<unsigned long long>(visitors.resumed()),
              bench::seconds_between(start, bench::Clock::now()));
}
