#include "config/target_reader.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "base/target_url.hpp"
#include "config/host_name.hpp"

namespace evenkeel::config {
namespace {

constexpr std::size_t max_targets = 10'000;
// How a target of a protocol is written, and two of them.
struct Forms {
  std::string_view url;
  std::string_view list;
};
constexpr Forms http_forms{"a target such as \"http://10.0.0.1:8080\" or \"unix:/run/app.sock\"",
                           "[\"http://a:80\", \"http://b:80\"]"};
constexpr Forms tcp_forms{"a target such as \"tcp://10.0.0.1:5432\" or \"unix:/run/db.sock\"",
                          "[\"tcp://a:5432\", \"tcp://b:5432\"]"};
constexpr Forms udp_forms{"a target such as \"udp://10.0.0.1:53\"", "[\"udp://a:53\", \"udp://b:53\"]"};

void read_state(const Cursor& at, Target& target) {
  static constexpr std::string_view names[] = {"enabled", "draining", "disabled"};
  static constexpr AdminState states[] = {AdminState::enabled, AdminState::draining, AdminState::disabled};
  if (const auto index = at.choice("state", names)) target.admin = states[*index];
}

void read_server_name(const Cursor& at, Target& target) {
  if (auto name = read_host_name(at)) target.server_name = *std::move(name);
}

// What is about TLS means nothing to a target that is not spoken to in it.
void refuse_tls(const Cursor& target) {
  for (const std::string_view key : {"tlsValidate", "serverName"}) {
    if (const auto value = target.member(key)) {
      value->fail("has no meaning without an https URL",
                  fmt::format("a \"url\" such as \"https://10.0.0.1:8443\", or no \"{}\"", key));
    }
  }
}

// What is known of the port that the targets are for.
class Behind {
 public:
  explicit Behind(const std::optional<PortKey>& port) noexcept : port_(port) {}

  [[nodiscard]] Scheme scheme() const noexcept {
    if (is(Protocol::tcp)) return Scheme::tcp;
    return is(Protocol::udp) ? Scheme::udp : Scheme::http;
  }
  [[nodiscard]] const Forms& forms() const noexcept {
    if (is(Protocol::tcp)) return tcp_forms;
    return is(Protocol::udp) ? udp_forms : http_forms;
  }

  // What is wrong with the target here, if anything.
  void check(const Target& target, const Cursor& at) const {
    if (!port_) return;
    if (!takes(target.scheme)) return refuse_scheme(target.scheme, at);
    if (!target.unix_path.empty()) return check_socket(at);
    if (target.is_service && port_->count > 1)
      return at.fail("is a service behind a range of ports", "a host and port, or ports");
    if (target.port_count == 1 || target.port_count == port_->count) return;
    if (port_->count == 1) return at.fail("is a range of ports behind a single one", "one port");
    at.fail(fmt::format("has {} ports for the {} of this port", target.port_count, port_->count),
            "as many ports, or one for all");
  }

 private:
  [[nodiscard]] bool is(Protocol protocol) const noexcept { return port_ && port_->protocol == protocol; }

  [[nodiscard]] bool takes(Scheme scheme) const noexcept {
    if (for_http.contains(port_->protocol)) return scheme == Scheme::http || scheme == Scheme::https;
    return scheme == this->scheme();
  }
  void refuse_scheme(Scheme scheme, const Cursor& at) const {
    const bool vowel = scheme == Scheme::http || scheme == Scheme::https;
    at.fail(
        fmt::format("is {} {} target of {}", vowel ? "an" : "a", to_string(scheme), port_of(port_->protocol)),
        std::string(forms().url));
  }
  void check_socket(const Cursor& at) const {
    if (is(Protocol::udp)) return at.fail("is a Unix socket behind a udp port", std::string(forms().url));
    if (port_->count > 1) at.fail("is a Unix socket behind a range of ports", "a host and port, or ports");
  }

  const std::optional<PortKey>& port_;
};

std::optional<Target> read_url(const Cursor& at, const Behind& port) {
  const auto url = at.string(port.forms().url);
  if (!url) return std::nullopt;
  if (url->contains(',')) {
    at.fail("holds a list in one string", "one string a target: " + std::string(port.forms().list));
    return std::nullopt;
  }
  auto target = base::read_target_url(*url, port.scheme());
  if (!target) {
    at.fail(in_quotes(*url) + ' ' + std::string(target.error()), std::string(port.forms().url));
    return std::nullopt;
  }
  port.check(*target, at);
  return std::move(*target);
}

std::optional<Target> read_target_behind(const Cursor& at, const Behind& port) {
  if (at.json().is_string()) return read_url(at, port);
  if (!at.is_object("a URL, or an object with a \"url\"")) return std::nullopt;

  Target rest;
  read_members(at, Table<Target>{target_fields(), rest});
  const auto url = at.member("url");
  if (!url) {
    at.fail("has no \"url\"", std::string(port.forms().url));
    return std::nullopt;
  }
  auto target = read_url(*url, port);
  if (!target) return std::nullopt;
  target->weight = rest.weight;
  target->tier = rest.tier;
  target->admin = rest.admin;
  target->tls_validate = rest.tls_validate;
  target->server_name = std::move(rest.server_name);
  if (target->scheme != Scheme::https) refuse_tls(at);
  return target;
}

}  // namespace

std::span<const Field<Target>> target_fields() noexcept {
  static constexpr Field<Target> fields[] = {
      {"url", read_later},
      {"weight", read_number<&Target::weight, 0, max_weight>},
      {"tier", read_number<&Target::tier, 0, 15>},
      {"state", read_state},
      {"tlsValidate", read_flag<&Target::tls_validate>},
      {"serverName", read_server_name},
  };
  return fields;
}

std::optional<Target> read_target(const Cursor& at, const std::optional<PortKey>& port) {
  return read_target_behind(at, Behind(port));
}

std::vector<Target> read_targets(const Cursor& at, const std::optional<PortKey>& port) {
  std::vector<Target> targets;
  if (!at.is_array("an array of targets")) return targets;
  const std::size_t count = at.json().size();
  if (count == 0) at.fail("is empty", "at least one target");
  if (count > max_targets) {
    at.fail(fmt::format("holds {} targets", count), fmt::format("at most {}", max_targets));
    return targets;
  }

  std::unordered_map<std::string, std::string> seen;  // id to pointer
  at.each_element([&](const Cursor& element) {
    auto target = read_target(element, port);
    if (!target) return;
    const auto [first, is_new] = seen.try_emplace(target->id(), element.place().pointer);
    if (!is_new)
      return element.fail(fmt::format("is the same target as {}", first->second), "each target once");
    targets.push_back(std::move(*target));
  });

  const auto weightless = [](const Target& target) { return target.weight == 0; };
  if (targets.size() == count && count > 0 && std::ranges::all_of(targets, weightless)) {
    at.fail("every weight is 0", "at least one target with a weight");
  }
  return targets;
}

}  // namespace evenkeel::config
