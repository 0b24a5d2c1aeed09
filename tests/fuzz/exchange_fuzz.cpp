// A whole exchange, or several: what a client and a target send, cut into pieces that come in any order. No
// crash, nothing left behind; the target gets whole, unambiguous requests, as many as there are records, and
// the client gets responses and nothing else.
//
// The input: one byte of flags, one of order, six sizes of pieces, then what the client sends, "\n##\n", and
// what the target sends.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string_view>

#include "proxy/messages.hpp"
#include "proxy/wire.hpp"

using namespace evenkeel;
using namespace evenkeel::test;

namespace {

constexpr std::size_t header_size = 8;
constexpr std::size_t cuts_a_side = 3;
constexpr std::string_view separator = "\n##\n";

enum Flag : unsigned {
  client_finishes = 1,  // FIN behind its last piece
  client_closes = 2,    // all at once, behind its last piece
  client_is_deaf = 4,   // reads nothing before the end: with client_closes that is a reset
  target_closes = 8,    // behind its last piece
  target_is_deaf = 16,  // as above
  refuses_first = 32,   // the first connection to the target is closed when it is accepted
  gives_up_idle = 64,   // closes connections to it as soon as it has sent a piece
};

// Says which one it was: they are all inlined into one frame.
void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "not so: line %u\n", static_cast<unsigned>(where.line()));
  std::abort();
}

// One side's bytes, in pieces; a size of 0 means all that is left.
struct Side {
  std::string_view bytes;
  const std::uint8_t* sizes;
  std::size_t next = 0;

  [[nodiscard]] bool done() const noexcept { return bytes.empty(); }
  std::string_view take() noexcept {
    const std::size_t size = next < cuts_a_side ? sizes[next++] : 0;
    const std::string_view piece = bytes.substr(0, size == 0 ? bytes.size() : size);
    bytes.remove_prefix(piece.size());
    return piece;
  }
};

HttpOptions options() {
  HttpOptions options;
  options.access_log = true;
  options.via = "fuzz";
  options.limits.head_bytes = 1'024;
  options.limits.body_bytes = 10'000;
  // No budget that one input uses up for the next.
  options.retry = {.attempts = 2, .budget_percent = 20, .budget_min_per_second = 1'000'000};
  return options;
}

class Run {
 public:
  Run(Wire& wire, const std::uint8_t* header, std::string_view text)
      : wire_(wire), flags_(header[0]), order_(header[1]) {
    const std::size_t end = std::min(text.find(separator), text.size());
    from_client_ = {text.substr(0, end), header + 2};
    from_target_ = {text.substr(std::min(end + separator.size(), text.size())), header + 2 + cuts_a_side};
    switches_ = from_target_.bytes.contains(" 101");
  }

  void go() {
    wire_.on_target = [this](WirePeer& peer) {
      peer.deaf = has(target_is_deaf);
      if (has(refuses_first) && wire_.upstreams().size() == 1) peer.close();
    };
    WirePeer& client = wire_.connect();
    client.deaf = has(client_is_deaf);
    for (unsigned step = 0; step < 2 * cuts_a_side + 2; ++step) {
      const bool client_first = (order_ >> (step % 8) & 1) != 0;
      // Two sides that move in the same turn of the loop meet each other's events.
      if (client_first || step % 3 == 0) step_client(client);
      if (!client_first) step_target();
      require(wire_.settle());
    }
    judge(client);
  }

 private:
  [[nodiscard]] bool has(Flag flag) const noexcept { return (flags_ & flag) != 0; }

  void step_client(WirePeer& client) {
    if (from_client_.done()) return;
    client.say(from_client_.take());
    if (!from_client_.done()) return;
    if (has(client_finishes)) client.finish();
    if (has(client_closes)) client.close();
  }

  void step_target() {
    const auto open = std::ranges::find_if(wire_.upstreams().rbegin(), wire_.upstreams().rend(),
                                           [](const auto& peer) { return peer->is_open(); });
    if (open == wire_.upstreams().rend() || from_target_.done()) return;
    (*open)->say(from_target_.take());
    if (has(gives_up_idle) || (has(target_closes) && from_target_.done())) (*open)->close();
  }

  void judge(WirePeer& client) {
    client.deaf = false;
    for (const auto& peer : wire_.upstreams()) peer->deaf = false;
    wire_.on_target = nullptr;
    require(wire_.settle());
    const std::string got = client.got;
    const bool ended = client.ended();
    std::size_t asked = 0;
    bool may_switch = false;
    for (const auto& peer : wire_.upstreams()) {
      const Messages requests = read_requests(peer->got, switches_);
      // What it was sent and did not read before it closed, nobody knows.
      may_switch = may_switch || !peer->is_open();
      for (const Message& request : requests.list) may_switch = may_switch || request.upgrade;
      // Part of a head is left only where the target has not read the rest.
      const bool tunnel = switches_ && !requests.list.empty() && requests.list.back().upgrade;
      require(tunnel || !requests.bad);
      require(tunnel || requests.rest.empty() || !peer->is_open());
      asked += requests.list.size();
    }
    require(wire_.hang_up());

    const auto records = wire_.records().records();
    std::size_t attempts = 0;
    for (const RecordSink::Record& record : records) {
      attempts += 1 + static_cast<std::size_t>(record.retries);
    }
    require(asked <= attempts);
    check_responses(got, ended, records, may_switch);
    wire_.records().clear();
  }

  static void check_responses(std::string_view got, bool ended, std::span<const RecordSink::Record> records,
                              bool may_switch) {
    const Messages responses =
        read_responses(got, [&](std::size_t i) { return i < records.size() && records[i].is_head; }, ended);
    std::size_t finals = 0;
    for (const Message& response : responses.list) {
      require(response.status != 101 || may_switch);
      // All but the last one have their end; the last may be cut, but then its framing shows it.
      require(response.whole || &response == &responses.list.back());
      if (response.status < 200 && response.status != 101) continue;
      require(finals < records.size() && records[finals].status == response.status);
      ++finals;
    }
    const bool tunnel = !responses.list.empty() && responses.list.back().status == 101;
    require(tunnel || (!responses.bad && responses.rest.empty()));
  }

  Wire& wire_;
  unsigned flags_;
  unsigned order_;
  Side from_client_{};
  Side from_target_{};
  bool switches_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // One proxy for all inputs, as in life; every input ends with hang_up(), which leaves nothing open.
  static Wire wire(options());
  if (size <= header_size) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + header_size, size - header_size);
  Run(wire, data, text).go();
  return 0;
}
