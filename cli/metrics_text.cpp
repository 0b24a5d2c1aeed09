#include "metrics_text.hpp"

#include <limits>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sstream>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace evenkeel::cli {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

class Families {
 public:
  void counter(const char* name, const char* help, const Labels& labels, double value) {
    ClientMetric& metric = add(name, help, MetricType::Counter, labels);
    metric.counter.value = value;
  }
  void gauge(const char* name, const char* help, const Labels& labels, double value) {
    ClientMetric& metric = add(name, help, MetricType::Gauge, labels);
    metric.gauge.value = value;
  }
  void histogram(const char* name, const char* help, const Labels& labels, const LatencyHistogram& seen) {
    if (seen.count == 0) return;
    ClientMetric& metric = add(name, help, MetricType::Histogram, labels);
    metric.histogram.sample_count = seen.count;
    metric.histogram.sample_sum = seen.sum_s;
    const std::vector<double>& bounds = latency_bounds();
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < seen.buckets.size(); ++i) {
      so_far += seen.buckets[i];
      const double bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({so_far, bound});
    }
  }
  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families_);
    return std::move(out).str();
  }

 private:
  ClientMetric& add(const char* name, const char* help, MetricType type, const Labels& labels) {
    MetricFamily* family = nullptr;
    for (MetricFamily& known : families_) {
      if (known.name == name) family = &known;
    }
    if (family == nullptr) family = &families_.emplace_back(name, help, type, std::vector<ClientMetric>());
    ClientMetric& metric = family->metric.emplace_back();
    metric.label = labels;
    return metric;
  }

  std::vector<MetricFamily> families_;  // a dozen or two
};

Labels with(const Labels& labels, const char* name, std::string value) {
  Labels more = labels;
  more.push_back({name, std::move(value)});
  return more;
}

std::string class_name(const PortSpec& spec, std::size_t index) {
  if (spec.protocol == Protocol::http || spec.protocol == Protocol::https) {
    return index == 0 ? "none" : fmt::format("{}xx", index);
  }
  return index == 0 ? "failed" : "ended";
}

void add_target(Families& families, const PortSpec& spec, const Labels& port, const TargetReport& report) {
  const TargetStatus& status = report.status;
  const Labels labels = with(port, "target", status.target.id());
  for (std::size_t i = 0; i < std::size(report.work.by_class); ++i) {
    if (report.work.by_class[i] == 0) continue;
    families.counter("evenkeel_target_requests_total",
                     "Requests, connections or sessions that ended, by the class of their status.",
                     with(labels, "code", class_name(spec, i)), static_cast<double>(report.work.by_class[i]));
  }
  families.histogram("evenkeel_target_duration_seconds", "How long requests, connections or sessions took.",
                     labels, report.work.latency);
  families.gauge("evenkeel_target_in_flight", "Work under way.", labels, status.in_flight);
  families.gauge("evenkeel_target_up", "1 when it may be used: it is up, or nobody knows.", labels,
                 status.health == Health::up || status.health == Health::unknown ? 1 : 0);
  families.gauge("evenkeel_target_weight", "Its share of new work relative to its peers.", labels,
                 status.target.admin == AdminState::enabled ? status.target.weight : 0);
  families.counter("evenkeel_target_failures_total", "What it failed at, as outlier ejection counts.", labels,
                   static_cast<double>(status.failures));
  families.counter("evenkeel_target_received_bytes_total", "Body bytes sent to it.", labels,
                   static_cast<double>(report.work.bytes_in));
  families.counter("evenkeel_target_sent_bytes_total", "Body bytes that came from it.", labels,
                   static_cast<double>(report.work.bytes_out));
  double changes = 0;
  double ejections = 0;
  for (const HealthChange& change : report.history) {
    ++changes;
    if (change.to == Health::ejected) ++ejections;
  }
  families.gauge("evenkeel_target_recent_health_changes",
                 "Of the last changes of its health that are remembered.", labels, changes);
  families.gauge("evenkeel_target_recent_ejections", "Of those, ejections by live traffic.", labels,
                 ejections);
}

void add_port(Families& families, const PortReport& report) {
  const PortSpec& spec = *report.spec;
  const Labels labels{{"proxy", spec.proxy}, {"port", spec.key}};
  const SlotStats& stats = report.stats;
  for (std::size_t i = 0; i < std::size(report.work.by_class); ++i) {
    if (report.work.by_class[i] == 0) continue;
    families.counter("evenkeel_requests_total",
                     "Requests, connections or sessions that ended, by the class of their status.",
                     with(labels, "code", class_name(spec, i)), static_cast<double>(report.work.by_class[i]));
  }
  families.histogram("evenkeel_duration_seconds", "How long requests, connections or sessions took.", labels,
                     report.work.latency);
  const auto count = [&](const char* name, const char* help, std::uint64_t value) {
    families.counter(name, help, labels, static_cast<double>(value));
  };
  const auto gauge = [&](const char* name, const char* help, std::uint64_t value) {
    families.gauge(name, help, labels, static_cast<double>(value));
  };
  gauge("evenkeel_connections", "Connections of clients, or sessions, that are open.", stats.connections);
  count("evenkeel_connections_accepted_total", "Connections, or sessions, that were begun.",
        stats.connections_accepted);
  count("evenkeel_connections_refused_total", "Connections over a limit, or not allowed.",
        stats.connections_refused);
  count("evenkeel_requests_limited_total", "Requests over a client's rate.", stats.requests_limited);
  count("evenkeel_retries_total", "Attempts after the first one.", report.work.retries);
  count("evenkeel_errors_total", "Requests, connections or sessions that something failed in.",
        report.work.errors);
  count("evenkeel_received_bytes_total", "Body bytes from clients.", report.work.bytes_in);
  count("evenkeel_sent_bytes_total", "Body bytes to clients.", report.work.bytes_out);
  gauge("evenkeel_waiting", "Clients that wait for a place.", stats.waiting);
  gauge("evenkeel_upstream_connections", "Connections to targets that are open.", stats.upstream_connections);
  gauge("evenkeel_upstream_idle", "Of those, kept for the next request.", stats.upstream_idle);
  if (spec.protocol != Protocol::https) return;
  count("evenkeel_tls_handshakes_total", "Handshakes with clients that ended well.", stats.tls_handshakes);
  count("evenkeel_tls_resumed_total", "Of those, with a ticket.", stats.tls_resumed);
  count("evenkeel_tls_failures_total", "Handshakes with clients that failed.", stats.tls_failures);
}

}  // namespace

std::string metrics_text(const ProcessReport& report) {
  Families families;
  families.gauge("evenkeel_build_info", "The version that runs; always 1.", {{"version", EVENKEEL_VERSION}},
                 1);
  families.gauge("evenkeel_start_time_seconds", "When the process began, since the epoch.", {},
                 std::chrono::duration<double>(report.started.time_since_epoch()).count());
  for (std::size_t i = 0; i < report.lag.size(); ++i) {
    families.gauge("evenkeel_loop_lag_seconds",
                   "The longest that a worker's loop was late, since it was asked last.",
                   {{"worker", std::to_string(i)}}, std::chrono::duration<double>(report.lag[i]).count());
  }
  // One that leaves may have a successor of its name.
  std::vector<const PortReport*> served;
  for (const PortReport& port : report.ports) {
    if (!port.is_leaving()) served.push_back(&port);
  }
  for (const PortReport* port : served) add_port(families, *port);
  for (const PortReport* each : served) {
    const PortReport& port = *each;
    const Labels labels{{"proxy", port.spec->proxy}, {"port", port.spec->key}};
    for (const TargetReport& target : port.targets) add_target(families, *port.spec, labels, target);
  }
  return families.text();
}

}  // namespace evenkeel::cli
