#include "config/expectation.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "config/duration.hpp"

namespace evenkeel::config {
namespace {

constexpr std::string_view form =
    "such as \"p99 < 80ms between 10s and 60s\", \"errors == 0\", \"share(web-1) < 10%\", "
    "\"p99 of ewma < 50% of p99 of leastconn\" (docs/scenarios.md)";

enum class Unit : std::uint8_t { none, percent, time };

struct Value {
  double number = 0;  // a share, or milliseconds
  Unit unit = Unit::none;
};

std::optional<double> read_number(std::string_view text) noexcept {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(number) || number < 0) return std::nullopt;
  return number;
}

std::optional<Value> read_value(std::string_view word) noexcept {
  static constexpr std::array<std::pair<std::string_view, Value>, 4> units{{{"%", {0.01, Unit::percent}},
                                                                            {"us", {0.001, Unit::time}},
                                                                            {"ms", {1, Unit::time}},
                                                                            {"s", {1'000, Unit::time}}}};
  for (const auto& [suffix, unit] : units) {
    if (!word.ends_with(suffix)) continue;
    const auto number = read_number(word.substr(0, word.size() - suffix.size()));
    if (number) return Value{*number * unit.number, unit.unit};
  }
  const auto number = read_number(word);
  if (number) return Value{*number, Unit::none};
  return std::nullopt;
}

// Signs are words by themselves.
std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view signs = "<>=()*";
  std::vector<std::string_view> words;
  while (!text.empty()) {
    if (text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    std::size_t length = text.find_first_of(" <>=()*");
    if (length == std::string_view::npos) length = text.size();
    if (signs.contains(text.front())) length = text.size() > 1 && text[1] == '=' ? 2 : 1;
    words.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return words;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : words_(words_of(text)) {}

  std::expected<Expectation, std::string> parse(std::chrono::milliseconds from,
                                                std::chrono::milliseconds to) {
    Expectation expected;
    expected.from = from;
    expected.to = to;
    auto left = quantity();
    if (!left) return wrong("a quantity");
    expected.left = *std::move(left);
    const auto relation = read_relation();
    if (!relation) return wrong("<, <=, >, >= or ==");
    expected.relation = *relation;
    if (!limit(expected)) return wrong(value_form(expected.left));
    if (take("between")) {
      const auto first = parse_duration(next());
      const bool joined = take("and");
      const auto last = parse_duration(next());
      if (!first || !joined || !last || *first >= *last) return wrong("\"between 10s and 60s\"");
      expected.from = *first;
      expected.to = *last;
    }
    if (at_ != words_.size()) return wrong("no more than that");
    return expected;
  }

 private:
  [[nodiscard]] std::unexpected<std::string> wrong(std::string_view what) const {
    std::string text(what);
    if (at_ < words_.size()) text += " before \"" + std::string(words_[at_]) + '"';
    return std::unexpected(text + ", " + std::string(form));
  }

  [[nodiscard]] std::string_view peek() const {
    return at_ < words_.size() ? words_[at_] : std::string_view();
  }
  std::string_view next() { return at_ < words_.size() ? words_[at_++] : std::string_view(); }
  bool take(std::string_view word) {
    if (peek() != word) return false;
    ++at_;
    return true;
  }

  std::optional<Relation> read_relation() {
    static constexpr std::array<std::pair<std::string_view, Relation>, 5> all{{{"<", Relation::less},
                                                                               {"<=", Relation::at_most},
                                                                               {">", Relation::more},
                                                                               {">=", Relation::at_least},
                                                                               {"==", Relation::equal}}};
    for (const auto& [sign, relation] : all) {
      if (take(sign)) return relation;
    }
    return std::nullopt;
  }

  std::optional<Quantity> quantity() {
    const std::size_t before = at_;
    auto what = metric();
    if (!what) {
      at_ = before;
      return std::nullopt;
    }
    if (take("of")) what->strategy = next();
    return what;
  }

  std::optional<Quantity> metric() {
    const std::string_view word = next();
    if (word.size() > 1 && word.front() == 'p') {
      const auto number = read_number(word.substr(1));
      if (!number || *number <= 0 || *number >= 100) return std::nullopt;
      return Quantity{.metric = Metric::latency, .quantile = *number / 100};
    }
    static constexpr std::array<std::pair<std::string_view, Metric>, 6> plain{
        {{"mean", Metric::latency_mean},
         {"max", Metric::latency_max},
         {"requests", Metric::requests},
         {"errors", Metric::errors},
         {"retries", Metric::retries},
         {"ejections", Metric::ejections}}};
    for (const auto& [name, metric] : plain) {
      if (name == word) return Quantity{.metric = metric};
    }
    if (word == "moved" && take("clients")) return Quantity{.metric = Metric::moved};
    if (word == "share") return of_target({.metric = Metric::share}, true);
    if (word == "in" && take("flight") && take("max"))
      return of_target({.metric = Metric::in_flight_max}, false);
    return std::nullopt;
  }

  std::optional<Quantity> of_target(Quantity what, bool is_needed) {
    if (!take("(")) return is_needed ? std::nullopt : std::optional(std::move(what));
    what.target = next();
    if (!take(")")) return std::nullopt;
    return what;
  }

  static Unit unit_of(Metric metric) noexcept {
    switch (metric) {
      case Metric::latency:
      case Metric::latency_mean:
      case Metric::latency_max:
        return Unit::time;
      case Metric::share:
      case Metric::moved:
        return Unit::percent;
      default:
        return Unit::none;
    }
  }
  static std::string_view value_form(const Quantity& what) noexcept {
    switch (unit_of(what.metric)) {
      case Unit::time:
        return "a time, or another quantity of that kind";
      case Unit::percent:
        return "a percentage, or another quantity of that kind";
      case Unit::none:
        break;
    }
    return "a number, or another quantity of that kind";
  }

  bool limit(Expectation& expected) {
    const std::size_t before = at_;
    const auto value = read_value(next());
    const bool is_factor = value && (take("*") || (value->unit == Unit::percent && take("of")));
    if (value && !is_factor) return take_value(expected, *value);
    if (!value) at_ = before;
    if (value && value->unit == Unit::time) return false;
    expected.value = value ? value->number : 1;
    expected.right = quantity();
    return expected.right && unit_of(expected.right->metric) == unit_of(expected.left.metric);
  }

  // A percentage of errors is one of the requests.
  static bool take_value(Expectation& expected, const Value& value) {
    expected.value = value.number;
    Metric& metric = expected.left.metric;
    if (value.unit == Unit::percent && metric == Metric::errors) metric = Metric::error_share;
    if (value.unit == Unit::percent && metric == Metric::retries) metric = Metric::retry_share;
    const bool is_share = metric == Metric::error_share || metric == Metric::retry_share;
    return value.unit == (is_share ? Unit::percent : unit_of(metric));
  }

  std::vector<std::string_view> words_;
  std::size_t at_ = 0;
};

}  // namespace

std::expected<Expectation, std::string> parse_expectation(std::string_view text,
                                                          std::chrono::milliseconds from,
                                                          std::chrono::milliseconds to) {
  auto expected = Parser(text).parse(from, to);
  if (expected) expected->text = text;
  return expected;
}

}  // namespace evenkeel::config
