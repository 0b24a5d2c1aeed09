// What the proxy does with memory: in the steady state it asks for none, and when it gets none it goes on.
// A binary of its own, because it replaces operator new.
#include <cstdint>
#include <cstdlib>
#include <new>
#include <optional>

#include <catch2/catch.hpp>

#include "proxy/messages.hpp"
#include "proxy/wire.hpp"

namespace {

// What the next allocations will meet. Only those inside the proxy are counted, or fail.
struct Allocator {
  bool in_proxy = false;
  std::size_t count = 0;
  std::size_t failures = 0;
  std::size_t fail_at = 0;         // this one, counted from 1; 0: none
  std::uint32_t percent = 0;       // of all, at random
  std::uint64_t random = 1;        // never 0
  std::uint64_t next() noexcept {  // xorshift64
    random ^= random << 13;
    random ^= random >> 7;
    return random ^= random << 17;
  }

  [[nodiscard]] bool refuses() noexcept {
    if (!in_proxy) return false;
    ++count;
    const bool refused = count == fail_at || (percent != 0 && next() % 100 < percent);
    failures += refused ? 1 : 0;
    return refused;
  }
};

Allocator allocator;

void* take(std::size_t size, std::size_t alignment = 0) noexcept {
  if (allocator.refuses()) return nullptr;
  if (size == 0) size = 1;
  return alignment == 0 ? std::malloc(size)
                        : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* take_or_throw(std::size_t size, std::size_t alignment = 0) {
  void* const memory = take(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// All of them: a sanitizer has its own of those that are missing here.
void* operator new(std::size_t size) {
  return take_or_throw(size);
}
void* operator new[](std::size_t size) {
  return take_or_throw(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return take(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return take(size);
}
void* operator new(std::size_t size, std::align_val_t to) {
  return take_or_throw(size, static_cast<std::size_t>(to));
}
void* operator new[](std::size_t size, std::align_val_t to) {
  return take_or_throw(size, static_cast<std::size_t>(to));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace evenkeel::test {
namespace {

using namespace std::string_literals;

const std::string get = "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\n\r\n";
const std::string post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'b');
const std::string counted = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'b');
const std::string upgrade =
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nearly frames";
const std::string switching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
// Long enough to be moved by splice(2).
const std::string bulk = "HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + std::string(900'000, 'b');
const std::string chunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";

class Pair {
 public:
  explicit Pair(const HttpOptions& options, const std::string& answer = counted) : wire(options) {
    wire.enter_proxy = [] { allocator.in_proxy = true; };
    wire.leave_proxy = [] { allocator.in_proxy = false; };
    wire.on_target = [&answer](WirePeer& peer) {
      const Messages requests = read_requests(std::string_view(peer.got).substr(peer.looked_at));
      for (std::size_t i = 0; i < requests.whole(); ++i) peer.say(answer);
      if (requests.rest.empty() && requests.whole() == requests.list.size()) peer.looked_at = peer.got.size();
    };
  }
  ~Pair() { allocator = {}; }

  // One request, answered: the status, or nothing when the connection was closed without an answer.
  std::optional<int> ask(WirePeer& client, const std::string& request) {
    client.got.clear();
    client.say(request);
    REQUIRE(wire.settle());
    const Messages responses = read_responses(client.got, [](std::size_t) { return false; }, client.ended());
    CHECK_FALSE(responses.bad);
    if (responses.list.empty() || !responses.list.back().whole) {
      CHECK(client.ended());
      return std::nullopt;
    }
    return responses.list.back().status;
  }

  Wire wire;
};

HttpOptions logging() {
  HttpOptions options;
  options.access_log = true;
  options.retry.budget_min_per_second = 1'000'000;
  return options;
}

void check_steady_state(const std::string& request, const std::string& answer) {
  const bool logs = GENERATE(false, true);
  INFO("access log: " << logs);
  Pair pair(logs ? logging() : HttpOptions(), answer);
  WirePeer& client = pair.wire.connect();
  constexpr int warm_up = 10;
  constexpr int exchanges = 1'000;
  for (int i = 0; i < warm_up; ++i) REQUIRE(pair.ask(client, request) == 200);
  allocator.count = 0;
  int answered = 0;
  for (int i = 0; i < exchanges; ++i) answered += pair.ask(client, request) == 200 ? 1 : 0;
  CHECK(allocator.count == 0);
  CHECK(answered == exchanges);
  CHECK(pair.wire.upstreams().size() == 1);
  CHECK(pair.wire.hang_up());
}

// With `allocator` set up to fail. Nothing may be left behind, and the proxy must work on afterwards.
void check_one_failing(Pair& pair, const std::string& request, int expected = 200) {
  WirePeer& client = pair.wire.connect();
  const std::optional<int> status = pair.ask(client, request);
  if (status && *status != expected) CHECK(*status / 100 == 5);
  allocator.fail_at = 0;
  allocator.percent = 0;
  CHECK(pair.wire.hang_up());
  if (expected == 200) CHECK(pair.ask(pair.wire.connect(), get) == 200);  // its target says nothing else
  CHECK(pair.wire.hang_up());
}

// Each allocation of a first exchange, in a proxy of its own: nothing is warm, so it makes all of them.
void check_each_failing(const std::string& request, const std::string& answer, int expected = 200) {
  for (std::size_t number = 1;; ++number) {
    INFO("allocation " << number);
    Pair pair(logging(), answer);
    allocator.count = allocator.failures = 0;
    allocator.fail_at = number;
    check_one_failing(pair, request, expected);
    if (allocator.failures == 0) {
      CHECK(number > 5);  // else it was not the proxy that was counted
      return;
    }
  }
}

}  // namespace

TEST_CASE("a GET on a kept connection allocates nothing") {
  check_steady_state(get, counted);
}

TEST_CASE("a POST on a kept connection allocates nothing") {
  check_steady_state(post, counted);
}

TEST_CASE("a chunked response on a kept connection allocates nothing") {
  check_steady_state(get, chunked);
}

TEST_CASE("each allocation of a first GET may fail") {
  check_each_failing(get, counted);
}

TEST_CASE("each allocation of a first POST may fail") {
  check_each_failing(post, chunked);
}

TEST_CASE("each allocation of two GETs at once may fail") {
  check_each_failing(get + get, chunked);
}

TEST_CASE("each allocation of a large download may fail") {
  check_each_failing(get, bulk);
}

TEST_CASE("each allocation of an upgrade may fail") {
  check_each_failing(upgrade, switching, 101);
}

TEST_CASE("one allocation in a hundred may fail") {
  Pair pair(logging());
  constexpr int runs = 3'000;
  std::size_t failures = 0;
  for (std::uint64_t run = 1; run <= runs; ++run) {
    INFO("run " << run);
    // Idle connections and buffers are given up between the runs, but not all: warm and cold paths meet.
    allocator.random = run * 0x9E37'79B9'7F4A'7C15U;
    allocator.percent = 1;
    allocator.failures = 0;
    check_one_failing(pair, run % 3 == 0 ? post : get);
    failures += allocator.failures;
    pair.wire.records().clear();
  }
  CHECK(failures > 50);
}

}  // namespace evenkeel::test
