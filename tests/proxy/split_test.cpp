// The outcome of an exchange does not depend on how its bytes arrive: each is run once with all bytes of a
// side at once, then with them cut in two at every place, the first part handled before the second comes.
#include <catch2/catch.hpp>

#include "proxy/messages.hpp"
#include "proxy/split_answers.hpp"
#include "proxy/split_corpus.hpp"
#include "proxy/wire.hpp"

namespace evenkeel::test {
namespace {

constexpr std::size_t uncut = std::string::npos;

// Small limits, so that what is over them can be cut at every place, too.
HttpOptions options() {
  HttpOptions options;
  options.access_log = true;
  options.limits = {
      .head_bytes = 512, .headers = 10, .uri_bytes = 100, .trailer_bytes = 64, .chunk_line_bytes = 32};
  // Two attempts, always: a budget that runs out would make the later exchanges differ.
  options.retry = {.attempts = 2, .budget_percent = 20, .budget_min_per_second = 1'000'000};
  return options;
}

class Bench {
 public:
  struct Outcome {
    std::string client;   // what it got, as messages
    std::string targets;  // what each connection got, one after the other
    std::string records;
    int status = 0;
    bool whole_request = false;   // a target has seen as many as there are records
    bool whole_response = false;  // the client has
    bool clean = false;
    friend bool operator==(const Outcome&, const Outcome&) = default;
  };

  // `request_cut` and `answer_cut`: where the two are cut.
  Outcome run(const SplitCase& exchange, std::size_t request_cut, std::size_t answer_cut) {
    switched_ = exchange.status == 101;
    std::vector<WirePeer*> halfway;
    wire_.on_target = [&](WirePeer& peer) {
      const std::size_t asked = read_requests(peer.got, switched_).whole();
      for (; peer.answered < asked; ++peer.answered) {
        peer.say(exchange.answer.substr(0, answer_cut));
        if (answer_cut != uncut) halfway.push_back(&peer);
        if (answer_cut == uncut && exchange.target_closes) peer.finish();
      }
    };
    WirePeer& client = wire_.connect();
    client.say(exchange.request.substr(0, request_cut));
    if (request_cut != uncut) {
      settled_ = wire_.settle();
      client.say(exchange.request.substr(request_cut));
    }
    if (exchange.client_ends) client.finish();
    settled_ = wire_.settle() && settled_;
    for (std::size_t i = 0; i < halfway.size(); ++i) {
      halfway[i]->say(exchange.answer.substr(answer_cut));
      if (exchange.target_closes) halfway[i]->finish();
      settled_ = wire_.settle() && settled_;
    }
    return look(client);
  }

 private:
  Outcome look(const WirePeer& client) {
    Outcome outcome;
    const std::string got = client.got;
    const bool ended = client.ended();
    std::size_t asked = 0;
    for (const auto& peer : wire_.upstreams()) {
      const Messages requests = read_requests(peer->got, switched_);
      asked += requests.whole();
      outcome.targets += describe(requests);
    }
    outcome.clean = wire_.hang_up() && std::exchange(settled_, true);
    const auto records = wire_.records().records();
    for (const RecordSink::Record& record : records) {
      outcome.records += std::to_string(record.status) + " " + std::to_string(record.retries) + " " +
                         std::string(record.error) + "\n";
      outcome.status = record.status;
    }
    const Messages responses =
        read_responses(got, [&](std::size_t i) { return i < records.size() && records[i].is_head; }, ended);
    outcome.client = describe(responses) + (ended ? "[closed]" : "[open]");
    outcome.whole_request = asked != 0 && asked >= records.size();
    outcome.whole_response = !responses.list.empty() && responses.list.back().whole;
    wire_.records().clear();
    return outcome;
  }

  Wire wire_{options()};
  bool switched_ = false;
  bool settled_ = true;
};

// What a message that turned out to be bad leaves open: how much of it had been passed on.
void forget_part(Bench::Outcome& outcome, bool of_response) {
  outcome.targets.clear();
  if (of_response) outcome.client.clear();
}

void check_every_cut(const std::vector<SplitCase>& cases) {
  Bench bench;
  std::size_t cuts = 0;
  for (const SplitCase& exchange : cases) {
    INFO(exchange.name);
    const bool bad_response = exchange.partly_forwarded && exchange.status == 200;
    Bench::Outcome reference = bench.run(exchange, uncut, uncut);
    INFO("client:\n" << reference.client << "\nrecords:\n" << reference.records);
    CHECK(reference.clean);
    CHECK(reference.status == exchange.status);
    if (exchange.partly_forwarded) {
      CHECK_FALSE((bad_response ? reference.whole_response : reference.whole_request));
      forget_part(reference, bad_response);
    }
    const auto same = [&](std::size_t request_cut, std::size_t answer_cut) {
      ++cuts;
      Bench::Outcome outcome = bench.run(exchange, request_cut, answer_cut);
      if (exchange.partly_forwarded) forget_part(outcome, bad_response);
      if (outcome == reference) return true;
      INFO("request cut at " << request_cut << ", answer at " << answer_cut);
      CHECK(outcome.client == reference.client);
      CHECK(outcome.targets == reference.targets);
      CHECK(outcome.records == reference.records);
      CHECK(outcome.whole_request == reference.whole_request);
      CHECK(outcome.whole_response == reference.whole_response);
      CHECK(outcome.clean);
      return false;
    };
    for (std::size_t cut = 1; cut < exchange.request.size(); ++cut) {
      if (cut != exchange.meaningful_cut && !same(cut, uncut)) break;
    }
    for (std::size_t cut = 1; cut < exchange.answer.size(); ++cut) {
      if (!same(uncut, cut)) break;
    }
  }
  CHECK(cuts > 1'000);
}

}  // namespace

TEST_CASE("split: ordinary requests end the same wherever they are cut") {
  check_every_cut(ordinary_requests());
}

TEST_CASE("split: refused requests are refused the same wherever they are cut") {
  check_every_cut(refused_requests());
}

TEST_CASE("split: a bad request body is refused wherever it is cut") {
  check_every_cut(refused_bodies());
}

TEST_CASE("split: ordinary responses arrive the same wherever they are cut") {
  check_every_cut(ordinary_answers());
}

TEST_CASE("split: bad responses are a 502 or a cut wherever they are cut") {
  check_every_cut(bad_answers());
}

}  // namespace evenkeel::test
