#include "admin_api.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "duration_text.hpp"
#include "metrics_text.hpp"
#include "report_json.hpp"
#include "status_page.hpp"

namespace evenkeel::cli {
namespace {

ServiceResponse json_response(int status, const Json& json) {
  return {.status = status,
          .body = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n",
          .fields = {}};
}

ServiceResponse problem(int status, std::string_view code, std::string_view detail) {
  return json_response(status, {{"status", status}, {"error", code}, {"detail", detail}});
}

ServiceResponse done(std::string_view what) {
  return json_response(200, {{"ok", true}, {"detail", what}});
}

// How much of two texts is alike must not show in how long it takes.
bool is_equal_secret(std::string_view a, std::string_view b) noexcept {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0 && !a.empty();
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// RFC 3986 section 2.1; nullopt for what is not encoded so.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0) return std::nullopt;
    out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    i += 2;
  }
  return out;
}

// "{proxy}" in a pattern is one segment of the path.
bool matches(std::string_view pattern, std::string_view path, std::map<std::string, std::string>& found) {
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = pattern.substr(0, pattern.find('/', 1));
    const std::string_view given = path.substr(0, path.find('/', 1));
    if (wanted.starts_with("/{")) {
      auto value = decoded(given.substr(1));
      if (!value || value->empty()) return false;
      found[std::string(wanted.substr(2, wanted.size() - 3))] = std::move(*value);
    } else if (wanted != given) {
      return false;
    }
    pattern.remove_prefix(wanted.size());
    path.remove_prefix(given.size());
  }
  return pattern.empty() && path.empty();
}

ServiceResponse refused(Ports::Refusal why) {
  using Refusal = Ports::Refusal;
  switch (why) {
    case Refusal::unknown_port:
      return problem(404, "unknown_port", "There is no such port.");
    case Refusal::no_targets:
      return problem(409, "no_targets", "This port is a redirect, which has no targets.");
    case Refusal::no_dns:
      return problem(409, "no_dns", "A service is asked for in DNS, and discovery.dns is false.");
    case Refusal::unknown_target:
      return problem(404, "unknown_target", "This port has no such target.");
    case Refusal::duplicate:
      return problem(409, "duplicate_target", "This port has that target already.");
    case Refusal::not_ours:
      return problem(409, "not_ours",
                     "The spec names this target, and would bring it back. Disable it, or "
                     "change the spec.");
    case Refusal::unknown_strategy:
      return problem(422, "unknown_strategy", "There is no such strategy.");
    case Refusal::ending:
      return problem(409, "ending", "The process drains: its ports stay as they are.");
  }
  return problem(500, "internal", "");
}

}  // namespace

struct AdminApi::Call {
  const ServiceRequest& request;
  const HttpService::Reply& reply;
  std::map<std::string, std::string> parts;  // of the path

  [[nodiscard]] Ports::Name port() const {
    return {parts.at("proxy"), parts.at("number") + "/" + parts.at("protocol")};
  }
  // Of the query: "id=http%3A%2F%2Fa%3A1".
  [[nodiscard]] std::optional<std::string> id() const {
    constexpr std::string_view key = "id=";
    if (!request.query.starts_with(key)) return std::nullopt;
    return decoded(std::string_view(request.query).substr(key.size()));
  }
  void answer(const Ports::Done& result, std::string_view what) const {
    reply(result ? done(what) : refused(result.error()));
  }
  // The body, an object with these keys alone. Answers when it is not.
  [[nodiscard]] std::optional<Json> body(std::initializer_list<std::string_view> keys) const {
    Json json = Json::parse(request.body, nullptr, false);
    if (!json.is_object()) {
      reply(problem(400, "bad_body", "The body has to be a JSON object."));
      return std::nullopt;
    }
    for (const auto& [key, value] : json.items()) {
      if (std::ranges::find(keys, key) != keys.end()) continue;
      reply(problem(422, "unknown_key",
                    fmt::format("\"{}\" is none of the keys: {}.", key, fmt::join(keys, ", "))));
      return std::nullopt;
    }
    return json;
  }
};

AdminApi::AdminApi(Ports& ports, Actions actions, std::string token)
    : ports_(ports), actions_(std::move(actions)), token_(std::move(token)) {}

const std::vector<AdminApi::Route>& AdminApi::routes() {
  static const std::vector<Route> all{
      {"GET", "/", &AdminApi::show_page, true},
      {"GET", "/metrics", &AdminApi::show_metrics},
      {"GET", "/v1/status", &AdminApi::show_status},
      {"POST", "/v1/reload", &AdminApi::reload},
      {"POST", "/v1/drain", &AdminApi::drain},
      {"GET", "/v1/ports/{proxy}/{number}/{protocol}", &AdminApi::show_port},
      {"PATCH", "/v1/ports/{proxy}/{number}/{protocol}", &AdminApi::change_port},
      {"POST", "/v1/ports/{proxy}/{number}/{protocol}/drain", &AdminApi::drain_port},
      {"POST", "/v1/ports/{proxy}/{number}/{protocol}/targets", &AdminApi::add_target},
      {"PATCH", "/v1/ports/{proxy}/{number}/{protocol}/targets", &AdminApi::change_target},
      {"DELETE", "/v1/ports/{proxy}/{number}/{protocol}/targets", &AdminApi::remove_target},
  };
  return all;
}

void AdminApi::handle(const ServiceRequest& request, const HttpService::Reply& reply) {
  std::string allowed;
  const std::string_view method = request.method == "HEAD" ? std::string_view("GET") : request.method;
  for (const Route& route : routes()) {
    Call call{request, reply, {}};
    if (!matches(route.path, request.path, call.parts)) continue;
    if (route.method != method) {
      allowed.append(allowed.empty() ? "" : ", ").append(route.method);
      continue;
    }
    if (!route.is_open && !is_allowed(request)) {
      ServiceResponse response = problem(401, "unauthorized", "Show the token: Authorization: Bearer TOKEN.");
      response.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"evenkeel\"");
      return reply(std::move(response));
    }
    return (this->*route.handler)(call);
  }
  if (allowed.empty()) return reply(problem(404, "unknown_path", "See docs/admin-api.md for what there is."));
  ServiceResponse response = problem(405, "method_not_allowed", "This path has other methods.");
  response.fields.emplace_back("Allow", allowed);
  reply(std::move(response));
}

// The socket's mode says who may use it. Over TCP every local process could come, and every page that a
// browser shows: no page can make a browser send this field.
bool AdminApi::is_allowed(const ServiceRequest& request) const {
  if (request.local) return true;
  constexpr std::string_view scheme = "Bearer ";
  const std::string_view shown = request.field("authorization");
  return shown.starts_with(scheme) && is_equal_secret(shown.substr(scheme.size()), token_);
}

void AdminApi::show_page(const Call& call) {
  call.reply({.type = "text/html; charset=utf-8",
              .body = std::string(status_page),
              .fields = {{"Content-Security-Policy",
                          "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                          "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                          "frame-ancestors 'none'"},
                         {"Referrer-Policy", "no-referrer"}}});
}

void AdminApi::show_status(const Call& call) {
  actions_.report(
      [reply = call.reply](const ProcessReport& report) { reply(json_response(200, to_json(report))); });
}

void AdminApi::show_metrics(const Call& call) {
  actions_.report([reply = call.reply](const ProcessReport& report) {
    reply({.type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_text(report), .fields = {}});
  });
}

void AdminApi::show_port(const Call& call) {
  actions_.report([reply = call.reply, name = call.port()](const ProcessReport& report) {
    const PortReport* found = nullptr;
    for (const PortReport& port : report.ports) {
      if (port.spec->proxy != name.proxy || port.spec->key != name.key) continue;
      if (found == nullptr || found->is_leaving()) found = &port;
    }
    reply(found != nullptr ? json_response(200, to_json(*found)) : refused(Ports::Refusal::unknown_port));
  });
}

void AdminApi::reload(const Call& call) {
  switch (actions_.reload()) {
    case Reload::begun:
      break;
    case Reload::no_spec:
      return call.reply(
          problem(409, "no_spec", "The spec came from standard input, which cannot be read again."));
    case Reload::ending:
      return call.reply(refused(Ports::Refusal::ending));
  }
  ServiceResponse response = done("The spec is being read; the log says what came of it.");
  response.status = 202;
  call.reply(std::move(response));
}

void AdminApi::drain(const Call& call) {
  call.reply(done("Draining; the process ends when all work is done, or at its time-out."));
  actions_.drain();
}

void AdminApi::change_port(const Call& call) {
  const auto body = call.body({"strategy"});
  if (!body) return;
  if (!body->contains("strategy") || !(*body)["strategy"].is_string()) {
    return call.reply(problem(422, "bad_value", "\"strategy\" has to be the name of one."));
  }
  call.answer(ports_.set_strategy(call.port(), (*body)["strategy"].get<std::string>()),
              "The strategy is another one until a reload says otherwise.");
}

void AdminApi::drain_port(const Call& call) {
  if (!call.request.body.empty() && !call.body({})) return;
  call.answer(ports_.drain_port(call.port()), "The port is closed; work under way goes on.");
}

namespace {

struct TargetChange {
  std::optional<std::uint32_t> weight;
  std::optional<AdminState> state;
  std::optional<std::chrono::milliseconds> deadline;
};

std::optional<AdminState> state_named(const Json& value) {
  for (const AdminState state : {AdminState::enabled, AdminState::draining, AdminState::disabled}) {
    if (value.is_string() && value.get_ref<const std::string&>() == to_string(state)) return state;
  }
  return std::nullopt;
}

// Empty: it is all right.
std::string read_change(const Json& body, TargetChange& out) {
  if (const auto weight = body.find("weight"); weight != body.end()) {
    if (!weight->is_number_unsigned() || weight->get<std::uint64_t>() > max_weight) {
      return fmt::format("\"weight\" has to be a whole number, at most {}.", max_weight);
    }
    out.weight = weight->get<std::uint32_t>();
  }
  if (const auto state = body.find("state"); state != body.end()) {
    out.state = state_named(*state);
    if (!out.state) return "\"state\" has to be \"enabled\", \"draining\" or \"disabled\".";
  }
  if (const auto deadline = body.find("deadline_ms"); deadline != body.end()) {
    constexpr std::uint64_t day_ms = 86'400'000;
    if (!deadline->is_number_unsigned() || deadline->get<std::uint64_t>() > day_ms) {
      return "\"deadline_ms\" has to be a whole number of milliseconds, at most a day.";
    }
    if (out.state != AdminState::draining) return "\"deadline_ms\" goes with \"state\": \"draining\".";
    out.deadline = std::chrono::milliseconds(deadline->get<std::int64_t>());
  }
  return {};
}

}  // namespace

// What a spec would refuse is refused here, in the same words.
void AdminApi::add_target(const Call& call) {
  const auto body = call.body({"url", "weight", "tier"});
  if (!body) return;
  if (!ports_.has(call.port())) return call.reply(refused(Ports::Refusal::unknown_port));
  auto target = parse_target(body->dump(-1, ' ', false, Json::error_handler_t::replace), call.port().key);
  if (!target) {
    std::vector<std::string> wrong;
    for (const SpecError& error : target.error())
      wrong.push_back(error.pointer.empty() ? error.text().substr(2) : error.text());
    return call.reply(problem(422, "bad_value", fmt::format("{}", fmt::join(wrong, "; "))));
  }
  call.answer(ports_.add_target(call.port(), *std::move(target)),
              "The target is there until the process ends.");
}

void AdminApi::change_target(const Call& call) {
  const auto body = call.body({"weight", "state", "deadline_ms"});
  if (!body) return;
  const auto id = call.id();
  TargetChange said;
  std::string wrong = read_change(*body, said);
  if (!id) wrong = "Name the target: ?id=URL, percent-encoded.";
  if (wrong.empty() && !said.weight && !said.state) wrong = "Say \"weight\" or \"state\".";
  if (!wrong.empty()) return call.reply(problem(422, "bad_value", wrong));
  call.answer(ports_.change_target(call.port(), *id, said.weight, said.state, said.deadline),
              "The target is changed until the process ends, or it goes.");
}

void AdminApi::remove_target(const Call& call) {
  const auto id = call.id();
  if (!id) return call.reply(problem(422, "bad_value", "Name the target: ?id=URL, percent-encoded."));
  call.answer(ports_.remove_target(call.port(), *id), "The target is gone; work under way on it goes on.");
}

}  // namespace evenkeel::cli
