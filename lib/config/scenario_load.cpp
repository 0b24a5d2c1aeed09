// How long targets work, and what load comes.
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "config/scenario_parts.hpp"

namespace evenkeel::config {
namespace {

constexpr std::string_view time_form = "a time with a unit, such as \"10ms\", \"250us\" or \"1.5s\"";
constexpr std::string_view service_form =
    "a time such as \"10ms\", or {\"lognormal\": {\"median\": \"10ms\", \"sigma\": 0.5}}, {\"exponential\": "
    "\"10ms\"}, "
    "{\"pareto\": {\"least\": \"5ms\", \"alpha\": 1.5}}, {\"recorded\": \"times.csv\"}";
constexpr double most_per_second = 10'000'000;

void read_scale(const Cursor& at, ServiceTime& time) {
  if (const auto scale = read_time(at)) time.scale = *scale;
}

void read_sigma(const Cursor& at, ServiceTime& time) {
  if (const auto sigma = read_real(at, 0, 5)) time.shape = *sigma;
}

// At 1 and below there is no mean.
void read_alpha(const Cursor& at, ServiceTime& time) {
  if (const auto alpha = read_real(at, 1.01, 100)) time.shape = *alpha;
}

void read_parameters(const Cursor& at, std::string_view first, std::string_view second,
                     void (*read_second)(const Cursor&, ServiceTime&), ServiceTime& time) {
  if (!at.is_object("an object")) return;
  const std::array<Field<ServiceTime>, 2> fields{{{first, read_scale}, {second, read_second}}};
  for (const std::string_view key : {first, second}) {
    if (!at.has(key)) at.fail(fmt::format("has no \"{}\"", key), std::string(service_form));
  }
  read_members(at, Table<ServiceTime>{fields, time});
}

void read_lognormal(const Cursor& at, ServiceTime& time) {
  time.kind = ServiceTime::Kind::lognormal;
  read_parameters(at, "median", "sigma", read_sigma, time);
}

void read_pareto(const Cursor& at, ServiceTime& time) {
  time.kind = ServiceTime::Kind::pareto;
  read_parameters(at, "least", "alpha", read_alpha, time);
}

void read_exponential(const Cursor& at, ServiceTime& time) {
  time.kind = ServiceTime::Kind::exponential;
  read_scale(at, time);
}

void read_recorded(const Cursor& at, ServiceTime& time) {
  time.kind = ServiceTime::Kind::recorded;
  auto file = at.string("the path of a file with a time in milliseconds a line");
  if (file && file->empty()) return at.fail("is empty", "the path of a file");
  if (file) time.file = *std::move(file);
}

// [["0s", 100], ["30s", 500]]
void read_point(const Cursor& at, SimLoad& load) {
  constexpr std::string_view form = "a moment and a rate a second, such as [\"30s\", 500]";
  if (!at.is_array(form)) return;
  if (at.json().size() != 2) return at.fail_type(std::string(form));
  std::vector<Cursor> parts;
  at.each_element([&](const Cursor& part) { parts.push_back(part); });
  const auto moment = parts[0].duration(std::chrono::milliseconds(0));
  const auto rate = read_real(parts[1], 0, most_per_second);
  if (!moment || !rate) return;
  if (!load.rate.empty() && *moment <= load.rate.back().at)
    return parts[0].fail_value("a moment later than the one before");
  if (load.rate.empty() && moment->count() != 0) return parts[0].fail_value("\"0s\" for the first");
  load.rate.push_back({*moment, *rate});
}

void read_rate(const Cursor& at, SimLoad& load) {
  if (!at.json().is_array()) {
    if (const auto rate = read_real(at, 0, most_per_second))
      load.rate = {{std::chrono::milliseconds(0), *rate}};
    return;
  }
  if (at.json().empty()) return at.fail("is empty", "[[\"0s\", 100], [\"30s\", 500]]");
  at.each_element([&](const Cursor& point) { read_point(point, load); });
}

void read_arrivals(const Cursor& at, SimLoad& load) {
  static constexpr std::string_view names[] = {"poisson", "even"};
  if (const auto index = at.choice("kind of arrivals", names)) load.is_even = *index == 1;
}

void read_skew(const Cursor& at, SimLoad& load) {
  if (const auto skew = read_real(at, 0, 5)) load.key_skew = *skew;
}

}  // namespace

std::optional<double> read_real(const Cursor& at, double least, double most) {
  const std::string form = fmt::format("a number from {} to {}", least, most);
  if (!at.json().is_number()) {
    at.fail_type(form);
    return std::nullopt;
  }
  const auto value = at.json().get<double>();
  if (std::isfinite(value) && value >= least && value <= most) return value;
  at.fail_value(form);
  return std::nullopt;
}

std::optional<std::chrono::nanoseconds> read_time(const Cursor& at) {
  const auto text = at.string(time_form);
  if (!text) return std::nullopt;
  static constexpr std::array<std::pair<std::string_view, double>, 3> units{
      {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}};
  double number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  const std::string_view unit(end, text->data() + text->size());
  for (const auto& [name, nanos] : units) {
    const double value = number * nanos;
    if (error == std::errc() && unit == name && value >= 1e3 && value <= 3.6e12)
      return std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(value));
  }
  at.fail_value(std::string(time_form) + ", from 1us to 3600s");
  return std::nullopt;
}

void read_service(const Cursor& at, ServiceTime& time) {
  if (at.json().is_string()) return read_scale(at, time);
  if (!at.is_object(service_form)) return;
  if (at.json().size() != 1) return at.fail("has to have one member", std::string(service_form));
  static constexpr Field<ServiceTime> kinds[] = {{"lognormal", read_lognormal},
                                                 {"exponential", read_exponential},
                                                 {"pareto", read_pareto},
                                                 {"recorded", read_recorded}};
  read_members(at, Table<ServiceTime>{kinds, time});
}

std::span<const Field<SimLoad>> sim_load_fields() noexcept {
  static constexpr Field<SimLoad> fields[] = {
      {"rate", read_rate},
      {"arrivals", read_arrivals},
      {"clients", read_number<&SimLoad::clients, 1, 1'000'000>},
      {"think", read_duration_or_zero<&SimLoad::think>},
      {"keys", read_number<&SimLoad::keys, 1, 10'000'000>},
      {"skew", read_skew},
  };
  return fields;
}

void read_load(const Cursor& at, SimLoad& load) {
  read_object(at, sim_load_fields(), load);
  if (!at.json().is_object()) return;
  if (at.has("rate") == at.has("clients"))
    at.fail(at.has("rate") ? "has both \"rate\" and \"clients\"" : "has neither \"rate\" nor \"clients\"",
            "\"rate\": requests a second, or \"clients\" that wait for their answers");
}

}  // namespace evenkeel::config
