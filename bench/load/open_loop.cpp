// bench_open_loop PORT PATH CONNECTIONS RATE SECONDS [tls]: sends RATE requests a second, whether or not
// earlier ones have been answered, and prints percentiles of the latency in microseconds as JSON.
//
// A latency counts from the moment the request was due, not from when it was sent: a request that waits
// because every connection is busy, or because this program was not run, has waited all the same. The first
// second is sent but not counted.
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <llhttp.h>
#include <uv.h>

#include "load/connection.hpp"
#include "load/latency.hpp"
#include "load/tls.hpp"
#include "loopback.hpp"

namespace bench = evenkeel::bench;

namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

class Requester;

struct Plan {
  std::string request;
  std::uint64_t rate = 0;
  std::uint64_t not_counted = 0;  // of the first requests
  std::uint64_t total = 0;
  std::uint64_t start_ns = 0;

  [[nodiscard]] std::uint64_t due_ns(std::uint64_t number) const {
    return start_ns + number * second_ns / rate;
  }
};

class Generator {
 public:
  Generator(uv_loop_t* loop, Plan plan) : loop_(loop), plan_(std::move(plan)) {}

  [[nodiscard]] const Plan& plan() const noexcept { return plan_; }
  void add(Requester& requester) { idle_.push_back(&requester); }
  // Sends what is due, as far as there are connections that wait for nothing.
  void send_due();
  void on_answer(Requester& requester, std::uint64_t number, bool good);
  void on_broken(bool busy);
  bool start();
  void print();

 private:
  void finished_one();

  uv_loop_t* loop_;
  Plan plan_;
  std::deque<Requester*> idle_;  // in turn, so that all of them are used
  std::uint64_t sent_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t errors_ = 0;
  bench::Latencies latencies_;
  std::unique_ptr<bench::Connection> ticker_;
};

class Requester final : public bench::Connection {
 public:
  Requester(uv_loop_t* loop, evenkeel::net::Fd fd, evenkeel::net::SslPtr ssl, Generator& generator)
      : Connection(loop, std::move(fd), std::move(ssl)), generator_(generator) {
    settings_.on_message_complete = [](llhttp_t* parser) {
      auto* self = static_cast<Requester*>(parser->data);
      self->answered_ = true;
      self->status_ = parser->status_code;
      return 0;
    };
    llhttp_init(&parser_, HTTP_RESPONSE, &settings_);
    parser_.data = this;
  }

  [[nodiscard]] bool request(std::uint64_t number) {
    number_ = number;
    busy_ = write(generator_.plan().request);
    return busy_;
  }

  void on_readable() override {
    static char bytes[65'536];
    const ssize_t count = read(bytes);
    if (count == 0) return;
    if (count < 0 || llhttp_execute(&parser_, bytes, static_cast<std::size_t>(count)) != HPE_OK) {
      stop();
      return generator_.on_broken(std::exchange(busy_, false));
    }
    if (!std::exchange(answered_, false)) return;
    busy_ = false;
    generator_.on_answer(*this, number_, status_ == HTTP_STATUS_OK);
  }

 private:
  Generator& generator_;
  llhttp_settings_t settings_{};
  llhttp_t parser_{};
  std::uint64_t number_ = 0;
  int status_ = 0;
  bool busy_ = false;
  bool answered_ = false;
};

// libuv's timers count milliseconds; requests are due more often.
class Ticker final : public bench::Connection {
 public:
  Ticker(uv_loop_t* loop, evenkeel::net::Fd fd, Generator& generator)
      : Connection(loop, std::move(fd)), generator_(generator) {}
  void on_readable() override {
    std::uint64_t ticks = 0;
    if (::read(fd(), &ticks, sizeof ticks) == sizeof ticks) generator_.send_due();
  }

 private:
  Generator& generator_;
};

bool Generator::start() {
  latencies_.reserve(plan_.total);
  plan_.start_ns = uv_hrtime();
  evenkeel::net::Fd fd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  const std::uint64_t tick_ns = second_ns / plan_.rate;
  const timespec tick{.tv_sec = static_cast<time_t>(tick_ns / second_ns),
                      .tv_nsec = static_cast<long>(tick_ns % second_ns)};
  const itimerspec times{.it_interval = tick, .it_value = tick};
  if (!fd || ::timerfd_settime(fd.get(), 0, &times, nullptr) != 0) return false;
  ticker_ = std::make_unique<Ticker>(loop_, std::move(fd), *this);
  return true;
}

void Generator::send_due() {
  const std::uint64_t now_ns = uv_hrtime();
  while (sent_ < plan_.total && !idle_.empty() && plan_.due_ns(sent_) <= now_ns) {
    Requester* requester = idle_.front();
    idle_.pop_front();
    // A connection that cannot send is out; its end is told when it is read.
    if (requester->request(sent_)) ++sent_;
  }
}

void Generator::on_answer(Requester& requester, std::uint64_t number, bool good) {
  if (!good) ++errors_;
  if (number >= plan_.not_counted) latencies_.add(uv_hrtime() - plan_.due_ns(number));
  idle_.push_back(&requester);
  finished_one();
  send_due();
}

void Generator::on_broken(bool busy) {
  ++errors_;
  if (busy) finished_one();
}

void Generator::finished_one() {
  if (++finished_ == plan_.total) uv_stop(loop_);
}

void Generator::print() {
  // What was never answered counts too: leaving it out would make a proxy that hangs look fast.
  const std::uint64_t errors = errors_ + (plan_.total - finished_);
  std::printf(
      "{\"requests\": %zu, \"errors\": %llu, \"p50\": %.1f, \"p99\": %.1f, \"p99.9\": %.1f, \"max\": %.1f}\n",
      latencies_.count(), static_cast<unsigned long long>(errors), latencies_.percentile_us(0.5),
      latencies_.percentile_us(0.99), latencies_.percentile_us(0.999), latencies_.percentile_us(1));
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_tls = argc == 7 && std::string_view(argv[6]) == "tls";
  const bool right = argc == 6 || is_tls;
  const auto port = right ? bench::port_of(argv[1]) : std::nullopt;
  const auto connections = right ? bench::number_of<unsigned>(argv[3]) : std::nullopt;
  const auto rate = right ? bench::number_of<unsigned>(argv[4]) : std::nullopt;
  const auto seconds = right ? bench::number_of<unsigned>(argv[5]) : std::nullopt;
  if (!port || !connections || !rate || !seconds) {
    std::fprintf(stderr, "usage: bench_open_loop PORT PATH CONNECTIONS RATE SECONDS [tls]\n");
    return 2;
  }
  Plan plan;
  plan.request = std::string("GET ") + argv[2] + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  plan.rate = *rate;
  plan.not_counted = *rate;
  plan.total = std::uint64_t{*rate} * (*seconds + 1);

  uv_loop_t* loop = uv_default_loop();
  const evenkeel::net::SslContextPtr context = is_tls ? bench::client_context() : nullptr;
  Generator generator(loop, std::move(plan));
  std::vector<std::unique_ptr<Requester>> requesters;
  for (unsigned i = 0; i < *connections; ++i) {
    auto fd = bench::connect_to(*port);
    if (!fd) return std::perror("bench_open_loop: connect"), 3;
    auto ssl = is_tls ? bench::secure(context.get(), fd.get()) : nullptr;
    if (is_tls && !ssl) return std::fprintf(stderr, "bench_open_loop: no TLS as it should be\n"), 3;
    requesters.push_back(std::make_unique<Requester>(loop, std::move(fd), std::move(ssl), generator));
    generator.add(*requesters.back());
  }
  // Five seconds more than planned for answers that are late.
  uv_timer_t end;
  uv_timer_init(loop, &end);
  uv_timer_start(
      &end, [](uv_timer_t* timer) { uv_stop(timer->loop); }, (std::uint64_t{*seconds} + 6) * 1'000, 0);
  if (!generator.start()) return std::perror("bench_open_loop: timerfd"), 3;
  uv_run(loop, UV_RUN_DEFAULT);
  generator.print();
}
