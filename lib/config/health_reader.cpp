#include "config/health_reader.hpp"

#include <charconv>

#include "config/check_type.hpp"
#include "config/payload.hpp"
#include "config/syntax.hpp"

namespace evenkeel::config {
namespace {

constexpr std::string_view expect_form =
    "a status from 100 to 599, a range such as \"200-299\", or an array of them";

// "200-299", and "204" for completeness.
std::optional<StatusRange> parse_range(std::string_view text) noexcept {
  const auto number = [](std::string_view digits) {
    int value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool whole = error == std::errc() && end == digits.data() + digits.size();
    return whole && value >= 100 && value <= 599 ? value : 0;
  };
  const std::size_t dash = text.find('-');
  const int first = number(text.substr(0, dash));
  const int last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (first == 0 || last < first) return std::nullopt;
  return StatusRange{first, last};
}

void read_status(const Cursor& at, std::vector<StatusRange>& ranges) {
  if (at.json().is_number()) {
    if (const auto status = at.whole_number(100, 599))
      ranges.push_back({static_cast<int>(*status), static_cast<int>(*status)});
  } else if (const auto text = at.string(expect_form)) {
    if (const auto range = parse_range(*text)) return ranges.push_back(*range);
    at.fail_value(std::string(expect_form));
  }
}

void read_expect(const Cursor& at, HealthOptions& health) {
  std::vector<StatusRange> ranges;
  if (!at.json().is_array()) {
    read_status(at, ranges);
  } else if (at.json().empty()) {
    at.fail("is empty", std::string(expect_form));
  } else {
    at.each_element([&](const Cursor& element) { read_status(element, ranges); });
  }
  if (!ranges.empty()) health.expect = std::move(ranges);
}

void read_method(const Cursor& at, HealthOptions& health) {
  static constexpr std::string_view names[] = {"GET", "HEAD", "OPTIONS"};
  if (const auto index = at.choice("method", names)) health.method = names[*index];
}

void read_path(const Cursor& at, HealthOptions& health) {
  constexpr std::string_view form = "a path that starts with \"/\", without spaces, such as \"/healthz\"";
  auto path = at.string(form);
  if (!path) return;
  if (!is_request_path(*path)) return at.fail_value(std::string(form));
  health.path = std::move(*path);
}

void read_check_host(const Cursor& at, HealthOptions& health) {
  read_host(at, health.host);
}

void read_port(const Cursor& at, HealthOptions& health) {
  if (const auto port = at.whole_number(1, 65'535)) health.port = static_cast<std::uint16_t>(*port);
}

void read_send(const Cursor& at, HealthOptions& health) {
  if (auto bytes = read_payload(at)) health.send = std::move(*bytes);
}

void read_receive(const Cursor& at, HealthOptions& health) {
  auto bytes = read_payload(at);
  if (!bytes) return;
  if (bytes->empty()) return at.fail("is empty", "what the answer must hold");
  health.receive = std::move(*bytes);
}

// Whether the options are to be read. `on` becomes what the value says.
bool is_switched_on(const Cursor& at, bool& on) {
  on = at.json() != false;
  return on && at.is_object("an object, or false to turn it off");
}

}  // namespace

std::span<const Field<HealthOptions>> health_fields() noexcept {
  static constexpr Field<HealthOptions> fields[] = {
      {"type", read_check_type},
      {"interval", read_duration<&HealthOptions::interval>},
      {"timeout", read_duration<&HealthOptions::timeout>},
      {"rise", read_number<&HealthOptions::rise, 1, 100>},
      {"fall", read_number<&HealthOptions::fall, 1, 100>},
      {"jitter", read_number<&HealthOptions::jitter_percent, 0, 50>},
      {"maxConcurrent", read_number<&HealthOptions::max_concurrent, 1, 1'000>},
      {"port", read_port},
      {"method", read_method},
      {"path", read_path},
      {"host", read_check_host},
      {"expect", read_expect},
      {"send", read_send},
      {"receive", read_receive},
  };
  return fields;
}

std::span<const Field<OutlierOptions>> outlier_fields() noexcept {
  static constexpr Field<OutlierOptions> fields[] = {
      {"consecutiveFailures", read_number<&OutlierOptions::consecutive_failures, 1, 1'000>},
      {"baseEjection", read_duration<&OutlierOptions::base_ejection>},
      {"maxEjection", read_duration<&OutlierOptions::max_ejection>},
      {"maxEjectedPercent", read_number<&OutlierOptions::max_ejected_percent, 1, 100>},
  };
  return fields;
}

void read_health(const Cursor& at, Settings& settings) {
  if (!is_switched_on(at, settings.health_on)) return;
  settle_check(at, settings);
  read_members(at, Table<HealthOptions>{health_fields(), settings.health});
}

void read_outlier(const Cursor& at, Settings& settings) {
  if (!is_switched_on(at, settings.outlier_on)) return;
  read_members(at, Table<OutlierOptions>{outlier_fields(), settings.outlier});
  if (settings.outlier.base_ejection > settings.outlier.max_ejection) {
    at.fail("the first ejection (baseEjection) is longer than the longest (maxEjection)",
            "a maxEjection of at least baseEjection");
  }
}

}  // namespace evenkeel::config
