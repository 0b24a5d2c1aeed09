#include "report_json.hpp"

#include <unistd.h>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace evenkeel::cli {
namespace {

std::string time_text(std::chrono::system_clock::time_point at) {
  return fmt::format("{:%FT%TZ}", fmt::gmtime(std::chrono::floor<std::chrono::seconds>(at)));
}

Json quantile_ms(const LatencyHistogram& latency, double share) {
  const auto at = latency.quantile(share);
  if (!at) return nullptr;
  return std::chrono::duration<double, std::milli>(*at).count();
}

Json work_json(const WorkTotals& work, bool is_http) {
  Json json{{"requests", work.count()},
            {"errors", work.errors},
            {"retries", work.retries},
            {"bytes_in", work.bytes_in},
            {"bytes_out", work.bytes_out},
            {"p50_ms", quantile_ms(work.latency, 0.5)},
            {"p99_ms", quantile_ms(work.latency, 0.99)}};
  if (!is_http) return json;
  Json& classes = json["by_status"];
  classes["none"] = work.by_class[0];
  for (std::size_t i = 1; i < std::size(work.by_class); ++i) {
    classes[fmt::format("{}xx", i)] = work.by_class[i];
  }
  return json;
}

Json history_json(const std::deque<HealthChange>& history) {
  Json all = Json::array();
  for (const HealthChange& change : history) {
    all.push_back({{"at", time_text(change.at)},
                   {"from", to_string(change.from)},
                   {"to", to_string(change.to)},
                   {"reason", change.reason}});
  }
  return all;
}

// `since` is on the monotonic clock: told as a time of day by how long ago it was.
std::string since_text(TimePoint since) {
  const auto ago = std::chrono::steady_clock::now() - since;
  return time_text(std::chrono::system_clock::now() -
                   std::chrono::duration_cast<std::chrono::system_clock::duration>(ago));
}

Json target_json(const TargetReport& report, bool is_http) {
  const TargetStatus& status = report.status;
  return {{"id", status.target.id()},
          {"name", status.target.name},
          {"health", to_string(status.health)},
          {"since", since_text(status.health_since)},
          {"reason", report.history.empty() ? "" : report.history.back().reason},
          {"state", to_string(status.target.admin)},
          {"weight", status.target.weight},
          {"tier", status.target.tier},
          {"source", to_string(report.source)},
          {"overridden", report.overridden},
          {"in_flight", status.in_flight},
          {"failures", status.failures},
          {"work", work_json(report.work, is_http)},
          {"history", history_json(report.history)}};
}

Json stats_json(const SlotStats& stats) {
  return {{"open", stats.connections},
          {"accepted", stats.connections_accepted},
          {"refused", stats.connections_refused},
          {"waiting", stats.waiting},
          {"upstream_open", stats.upstream_connections},
          {"upstream_idle", stats.upstream_idle},
          {"tls_handshakes", stats.tls_handshakes},
          {"tls_resumed", stats.tls_resumed},
          {"tls_failures", stats.tls_failures}};
}

}  // namespace

Json to_json(const PortReport& report) {
  const PortSpec& spec = *report.spec;
  const bool is_http = spec.protocol == Protocol::http || spec.protocol == Protocol::https;
  Json json{{"proxy", spec.proxy},
            {"port", spec.key},
            {"protocol", to_string(spec.protocol)},
            {"address", report.address},
            {"state", report.state}};
  json["reason"] = report.reason;
  if (spec.targets.empty()) {
    json["redirect"] = spec.http.redirect;
  } else {
    json["strategy"] = spec.strategy;
  }
  json["connections"] = stats_json(report.stats);
  json["work"] = work_json(report.work, is_http);
  json["targets"] = Json::array();
  for (const TargetReport& target : report.targets) json["targets"].push_back(target_json(target, is_http));
  return json;
}

Json to_json(const ProcessReport& report) {
  Json json{{"version", EVENKEEL_VERSION},
            {"pid", ::getpid()},
            {"started", time_text(report.started)},
            {"workers", report.lag.size()},
            {"ports", Json::array()}};
  for (const PortReport& port : report.ports) json["ports"].push_back(to_json(port));
  return json;
}

}  // namespace evenkeel::cli
