#include "evenkeel/docker_discovery.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "discovery/container.hpp"
#include "discovery/docker_labels.hpp"
#include "local/local_api.hpp"
#include "net/uv_handle.hpp"

namespace evenkeel {
namespace {

using namespace std::chrono_literals;
using local::LocalApi;
using local::LocalApiError;
using local::LocalCall;
using local::LocalResponse;
using local::LocalResult;

constexpr std::chrono::milliseconds settle_time = 50ms;  // a burst of events is one change
// dockerd tells of some changes before its list has them.
constexpr std::chrono::milliseconds late_time = 1s;
constexpr std::chrono::milliseconds slow_time = 30s;  // between lists that nobody asks for
constexpr std::chrono::milliseconds first_wait = 1s;  // until a dockerd that failed is asked again
constexpr std::chrono::milliseconds last_wait = 30s;
// Who runs on so long after it was asked to stop was asked something else.
constexpr std::chrono::seconds stop_patience = 10min;
// Who was asked to stop and has not been in a list since is gone, whatever events were lost.
constexpr std::chrono::seconds gone_after = 5s;
constexpr std::size_t most_bytes = std::size_t{32} << 20;  // of a list: some 20,000 containers
constexpr std::size_t most_stopping = 10'000;

// SIGINT, SIGQUIT, SIGKILL, SIGTERM, SIGWINCH and SIGRTMIN+3: what images have as their stop signal.
constexpr std::array stop_signals{"2", "3", "9", "15", "28", "37"};

local::LocalApiOptions api_options(const DockerOptions& options) {
  return {.socket_path = options.socket,
          .who = "dockerd",
          .host = "localhost",
          .when_absent = "is not running, or its socket is elsewhere: discovery.docker.host",
          .when_forbidden = "run as root, or in the group docker",
          .timeout = 10s,
          .head_bytes = 32'768,
          .response_bytes = most_bytes,
          .line_bytes = 1'048'576};
}

}  // namespace

struct DockerDiscovery::Impl {
  Impl(uv_loop_t* loop, DockerOptions docker, LogSink& sink, Changed told)
      : options(std::move(docker)),
        log(sink),
        changed(std::move(told)),
        api(loop, api_options(options)),
        settle(net::make_handle<uv_timer_t>(uv_timer_init, loop)),
        retry(net::make_handle<uv_timer_t>(uv_timer_init, loop)),
        late(net::make_handle<uv_timer_t>(uv_timer_init, loop)),
        since(wall_seconds() - 1) {
    for (uv_timer_t* timer : {settle.get(), retry.get(), late.get()}) timer->data = this;
    begin();
  }

  static std::int64_t wall_seconds() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(now).count();
  }

  // Events from the last one on: none is missed (unless dockerd has forgotten it), and to see one twice is no
  // harm.
  void begin() {
    begun_ms = uv_now(api.loop());
    has_list = has_events = false;
    events = api.watch(
        "/events?since=" + std::to_string(since) +
            "&filters=%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%7D",
        [this](std::string_view line) { on_event(line); },
        [this](const LocalApiError& error) { fail(error); },
        [this] {
          has_events = true;
          tell_reached();
        });
    ask();
    ask_later(slow_time);
  }

  void on_event(std::string_view line) {
    const discovery::ContainerEvent event = discovery::read_event(line);
    since = std::max(since, event.time);
    if (event.action.starts_with("exec_")) return;
    if (event.action == "kill" && std::ranges::count(stop_signals, event.signal) != 0) {
      if (stopping.size() < most_stopping) stopping.try_emplace(event.id, event.time);
    } else if (event.action == "die" || event.action == "start" || event.action == "destroy") {
      stopping.erase(event.id);
    }
    if (uv_is_active(reinterpret_cast<uv_handle_t*>(settle.get())) == 0)
      start(settle, settle_time, [](Impl& its) { its.ask(); });
    ask_later(late_time);
  }

  void ask_later(std::chrono::milliseconds delay) {
    start(late, delay, [](Impl& its) {
      its.ask();
      its.ask_later(slow_time);
    });
  }

  void ask() {
    again = asking;
    if (std::exchange(asking, true)) return;
    call = api.send({.path = "/containers/json"},
                    [this](const LocalResult<LocalResponse>& result) { on_list(result); });
  }

  void on_list(const LocalResult<LocalResponse>& result) {
    asking = false;
    if (!result) return fail(result.error());
    if (result->status != 200)
      return fail(local::unexpected_status(api.options(), "list of containers", *result));
    auto containers = discovery::read_containers(result->body);
    if (!containers) {
      return fail({{ErrorCode::bad_response, Fault::target, false, 0},
                   "dockerd's answer " + std::string(containers.error())});
    }
    leave_stopping(*containers);
    has_list = true;
    tell_reached();
    if (again) ask();
    DockerFindings now = discovery::read_labels(*containers, options);
    if (known == now) return;
    known = std::move(now);
    changed(*known);
  }

  // A list alone is not all that is needed: who refuses its events is not reached.
  void tell_reached() {
    if (!has_list || !has_events || failure.empty()) return;
    failure.clear();
    log.log(LogLevel::info, "docker_reached", {});
  }

  // Those that were asked to stop take no work, until they have lasted too long for that. One list without
  // them does not say that they are gone: dockerd makes lists while things change.
  void leave_stopping(std::vector<discovery::Container>& containers) {
    const std::int64_t now = wall_seconds();
    std::set<std::string_view> there;
    for (discovery::Container& container : containers) {
      there.insert(container.id);
      const auto found = stopping.find(container.id);
      if (found != stopping.end() && found->second >= now - stop_patience.count())
        container.takes_work = false;
    }
    std::erase_if(stopping, [&](const auto& each) {
      const auto patience = there.contains(each.first) ? stop_patience : gone_after;
      return each.second < now - patience.count();
    });
  }

  // What was found goes on, and so does who is stopping.
  void fail(const LocalApiError& error) {
    events = LocalCall();
    call = LocalCall();
    asking = again = false;
    uv_timer_stop(late.get());
    // A stream that has lasted was no failure in a row.
    if (uv_now(api.loop()) - begun_ms >= static_cast<std::uint64_t>(last_wait.count())) wait = first_wait;
    start(retry, std::exchange(wait, std::min(wait * 2, last_wait)), [](Impl& its) { its.begin(); });
    if (error.text == failure) return;
    failure = error.text;
    const std::array<LogField, 1> fields{{{"reason", failure}}};
    log.log(LogLevel::warning, "docker_unreachable", fields);
  }

  template <class Then>
  void start(net::UvHandle<uv_timer_t>& timer, std::chrono::milliseconds delay, Then) {
    uv_update_time(api.loop());
    uv_timer_start(
        timer.get(),
        [](uv_timer_t* expired) {
          if (expired->data != nullptr) Then{}(*static_cast<Impl*>(expired->data));
        },
        static_cast<std::uint64_t>(delay.count()), 0);
  }

  const DockerOptions options;
  LogSink& log;
  Changed changed;
  LocalApi api;
  std::map<std::string, std::int64_t> stopping;  // containers that were asked to stop, and when
  std::optional<DockerFindings> known;
  std::string failure;  // that was told
  std::chrono::milliseconds wait = first_wait;
  std::uint64_t begun_ms = 0;
  bool has_list = false;
  bool has_events = false;
  bool asking = false;
  bool again = false;
  LocalCall events;
  LocalCall call;
  net::UvHandle<uv_timer_t> settle;
  net::UvHandle<uv_timer_t> retry;
  net::UvHandle<uv_timer_t> late;
  std::int64_t since;  // the last event, by dockerd's clock, which is this machine's
};

DockerDiscovery::DockerDiscovery(uv_loop_t* loop, DockerOptions options, LogSink& log, Changed changed)
    : impl_(std::make_unique<Impl>(loop, std::move(options), log, std::move(changed))) {}

DockerDiscovery::~DockerDiscovery() = default;

}  // namespace evenkeel
