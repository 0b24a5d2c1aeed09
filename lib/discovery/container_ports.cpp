#include "discovery/container_ports.hpp"

#include <algorithm>
#include <array>
#include <expected>
#include <optional>
#include <ranges>
#include <utility>

#include "config/mistakes.hpp"
#include "discovery/label_values.hpp"
#include "discovery/labels.hpp"
#include "discovery/port_label.hpp"

namespace evenkeel::discovery {

using config::pointer_token;

namespace {

// TSDProxy's, which have no meaning here, or another place (docs/docker.md).
constexpr std::array ignored{"identity_headers", "auto_restart",  "health_check_cooldown", "autodetect",
                             "runwebclient",     "tsnet_verbose", "proxyprovider",         "domain",
                             "dnsprovider",      "tlsprovider"};
// Read for the container as a whole.
constexpr std::array structural{"enable", "name",           "targets", "network",     "weight",
                                "tier",   "container_port", "scheme",  "tlsvalidate", "funnel"};

std::string with_brackets(const std::string& host) {
  return host.contains(':') ? '[' + host + ']' : host;
}

class Reader {
 public:
  Reader(const Container& container, const DockerOptions& options, std::vector<DockerProblem>& problems)
      : container_(container), options_(options), problems_(problems), labels_(container) {}

  Wanted read() {
    Wanted wanted;
    wanted.proxy = labels_.value_or("name", container_.name);
    const Labels::Label* const named = labels_.find("name");
    wanted.label = (named == nullptr ? labels_.find("enable") : named)->name;
    for (const auto& [key, label] : labels_.all()) {
      if (!key.starts_with("port.")) read_setting(key, label, wanted.settings);
    }
    for (const auto& [key, label] : labels_.all()) {
      const bool is_port = key.starts_with("port.") && !std::string_view(key).substr(5).contains('.');
      if (is_port) read_port(key, label, wanted);
    }
    refuse_orphans();
    if (!has_port_labels()) read_without_ports(wanted);
    return wanted;
  }

 private:
  void fail(const std::string& label, std::string problem, std::string expected) {
    problems_.push_back({container_.name, label, std::move(problem), std::move(expected)});
  }

  [[nodiscard]] bool has_port_labels() const {
    return std::ranges::any_of(labels_.all(),
                               [](const auto& entry) { return entry.first.starts_with("port."); });
  }

  // --- settings ---

  // Those that a proxy and a port have in common.
  bool read_common(std::string_view key, const Labels::Label& label, Said& out) {
    if (key == "loadbalance" || key == "loadBalance")
      return out.set("loadbalance", label.value, label.name), true;
    if (key == "health") return switch_health(label, out), true;
    if (!key.starts_with("health.")) return false;
    const std::string inner(key.substr(7));
    out.set_in("health", inner, health_value(inner, label.value), label.name);
    return true;
  }

  // An object without keys turns checks on where an outer level has turned them off.
  void switch_health(const Labels::Label& label, Said& out) {
    const auto flag = read_flag(label.value);
    if (!flag) return fail(label.name, "is \"" + label.value + '"', "\"true\" or \"false\"");
    out.set("health", *flag ? Json::object() : Json(false), label.name);
  }

  void read_setting(const std::string& key, const Labels::Label& label, Said& out) {
    if (read_common(key, label, out) || read_of_tsdproxy(key, label, out)) return;
    const bool is_known = std::ranges::count(structural, key) != 0 || std::ranges::count(ignored, key) != 0 ||
                          key.starts_with("dash.");
    if (!is_known && label.is_ours) fail(label.name, "is unknown", "a label of docs/docker.md");
  }

  bool read_of_tsdproxy(const std::string& key, const Labels::Label& label, Said& out) {
    const auto set = [&](const char* name, Json value) {
      return out.set(name, std::move(value), label.name), true;
    };
    const auto set_in = [&](const char* group, const char* name, Json value) {
      return out.set_in(group, name, std::move(value), label.name), true;
    };
    if (key == "containeraccesslog") return set("accessLog", flag_value(label.value));
    if (key == "ephemeral") return set_in("tailnet", "ephemeral", flag_value(label.value));
    if (key == "authkeyfile") return set_in("tailnet", "authKey", "file:" + label.value);
    if (key == "tags") return set_in("tailnet", "tags", split_list(label.value));
    const bool is_checked = labels_.is_on("health_check_enabled", true);
    if (key == "health_check_enabled") return is_checked || set("health", false);
    if (key == "health_check_interval")
      return !is_checked || set_in("health", "interval", seconds_value(label.value));
    if (key == "health_check_failures")
      return !is_checked || set_in("health", "fall", number_value(label.value));
    if (key == "ratelimit.enabled") return true;
    const bool is_limited = labels_.is_on("ratelimit.enabled", true);
    if (key == "ratelimit.rps")
      return !is_limited || set_in("perClient", "requestsPerSecond", number_value(label.value));
    if (key == "ratelimit.burst")
      return !is_limited || set_in("perClient", "burst", number_value(label.value));
    if (key != "authkey") return false;
    // Whoever may list containers could read it.
    fail(label.name, "holds the key itself",
         "authkeyfile, with the path of a file, or tailnet.authKey in the spec");
    return true;
  }

  // --- ports ---

  void read_port(const std::string& key, const Labels::Label& label, Wanted& wanted) {
    const auto read = read_port_label(label.value);
    if (read) return add_port(key, *read, label.name, wanted);
    fail(label.name, "is \"" + label.value + "\", which " + std::string(read.error()),
         "a port and a target, such as \"443/https:3000/http\"");
  }

  void add_port(const std::string& key, const PortLabel& read, const std::string& label, Wanted& wanted) {
    WantedPort port{.key = read.key, .label = label, .settings = {}, .targets = {}};
    Said more;  // of each target
    if (!read_options(read, label, port.settings, more)) return;
    for (const auto& [name, its] : labels_.all()) {
      if (name.starts_with(key + '.'))
        read_port_setting(name.substr(key.size() + 1), its, port.settings, more);
    }
    if (!read.redirect.empty()) {
      port.settings.set("redirect", read.redirect, label);
    } else if (!read_targets(key, read, label, more, port.targets)) {
      return;
    }
    wanted.ports.push_back(std::move(port));
  }

  bool read_options(const PortLabel& port, const std::string& label, Said& settings, Said& more) {
    for (const auto& [name, value] : port.options) {
      if (name == "loadbalance" || name == "loadBalance") {
        settings.set("loadbalance", value, label);
      } else if (name == "no_tlsvalidate") {
        more.set("tlsValidate", false, label);
      } else if (name == "tailscale_funnel") {
        settings.set_in("tailnet", "funnel", true, label);
      } else if (name == "weight") {
        more.set("weight", number_value(value), label);
      } else if (name != "no_autodetect") {
        fail(label, "has the unknown option \"" + name + '"',
             "no_tlsvalidate, tailscale_funnel, loadbalance=..., weight=...");
        return false;
      }
    }
    return true;
  }

  void read_port_setting(const std::string& key, const Labels::Label& label, Said& settings, Said& more) {
    if (key == "target" || key.starts_with("target.") || read_common(key, label, settings)) return;
    if (key == "weight") {
      more.set("weight", number_value(label.value), label.name);
    } else if (label.is_ours) {
      fail(label.name, "is unknown", "target, loadbalance, weight or health");
    }
  }

  // What is said of a port that nobody has named.
  void refuse_orphans() {
    for (const auto& [key, label] : labels_.all()) {
      const std::size_t dot = key.find('.', 5);
      if (!key.starts_with("port.") || dot == std::string::npos ||
          labels_.find(key.substr(0, dot)) != nullptr)
        continue;
      fail(label.name, "is about a port that no label names",
           label.name.substr(0, label.name.size() - (key.size() - dot)) + ": \"443/https:3000/http\"");
    }
  }

  // As the first TSDProxy did: https, to the container's own port.
  void read_without_ports(Wanted& wanted) {
    const Labels::Label* const named = labels_.find("container_port");
    PortLabel https{.key = "443/https", .redirect = {}, .scheme = "http", .options = {}};
    add_port("port.", https, named == nullptr ? wanted.label : named->name, wanted);
    const Labels::Label* const funnel = labels_.find("funnel");
    if (!labels_.is_on("funnel", false)) return;
    for (WantedPort& port : wanted.ports) port.settings.set_in("tailnet", "funnel", true, funnel->name);
  }

  // --- targets ---

  bool read_targets(const std::string& key, const PortLabel& port, const std::string& label, const Said& more,
                    std::vector<Said>& out) {
    std::vector<const Labels::Label*> naming;
    for (const auto& [name, its] : labels_.all()) {
      if (name == key + ".target" || name.starts_with(key + ".target.")) naming.push_back(&its);
    }
    const Labels::Label* const everywhere = labels_.find("targets");
    if (naming.empty() && everywhere != nullptr) naming.push_back(everywhere);
    for (const Labels::Label* const its : naming) {
      for (const std::string& each : split_list(its->value))
        out.push_back(target(url_of(each, port), its->name, more));
    }
    if (!out.empty()) return true;
    return read_own_target(port, label, more, out);
  }

  bool read_own_target(PortLabel port, const std::string& label, Said more, std::vector<Said>& out) {
    if (port.first == 0 && !find_own_port(port, label, more)) return false;
    auto url = own_url(port);
    if (!url) {
      fail(label, std::move(url.error().first), std::move(url.error().second));
      return false;
    }
    Said own = target(*std::move(url), label, more);
    for (const char* const setting : {"weight", "tier"}) {
      const Labels::Label* const its = labels_.find(setting);
      if (its != nullptr && !own.json.contains(setting))
        own.set(setting, number_value(its->value), its->name);
    }
    if (!container_.takes_work) own.set("state", "draining", label);
    out.push_back(std::move(own));
    return true;
  }

  // A port label that names none of the container's: a label of TSDProxy 1 does, or the image.
  bool find_own_port(PortLabel& port, const std::string& label, Said& more) {
    const Labels::Label* const named = labels_.find("container_port");
    const auto number =
        named == nullptr ? lowest_exposed(port.scheme == "udp") : read_port_number(named->value);
    if (!number && named != nullptr) {
      fail(named->name, "is \"" + named->value + '"', "a port from 1 to 65535");
    } else if (!number) {
      fail(label, "names no port of the container, and the image exposes none",
           "a label such as evenkeel.port.1: \"443/https:3000/http\"");
    }
    if (!number) return false;
    port.first = port.last = *number;
    if (port.scheme == "http") port.scheme = labels_.value_or("scheme", port.scheme);
    const Labels::Label* const validates = labels_.find("tlsvalidate");
    if (!labels_.is_on("tlsvalidate", true)) more.set("tlsValidate", false, validates->name);
    return true;
  }

  [[nodiscard]] std::optional<std::uint16_t> lowest_exposed(bool is_udp) const {
    std::optional<std::uint16_t> lowest;
    for (const PublishedPort& port : container_.ports) {
      if (port.is_udp == is_udp && (!lowest || port.inside < *lowest)) lowest = port.inside;
    }
    return lowest;
  }

  static Said target(std::string url, const std::string& label, const Said& more) {
    Said one = more;
    // TSDProxy lets its users ask for no check where there is none.
    if (!url.substr(0, url.find("://")).ends_with("https")) one.json.erase("tlsValidate");
    one.set("url", std::move(url), label);
    return one;
  }

  // A bare name has the port that the label has for all.
  static std::string url_of(const std::string& named, const PortLabel& port) {
    if (named.contains("://")) return named;
    std::string url = port.scheme + "://" + named;
    if (!named.contains(':') && port.first != 0) url += ':' + std::to_string(port.first);
    return url;
  }

  using Refused = std::pair<std::string, std::string>;
  [[nodiscard]] std::expected<std::string, Refused> own_url(const PortLabel& port) const {
    const auto at = [&](const std::string& host, std::uint32_t first) {
      std::string url = port.scheme + "://" + with_brackets(host) + ':' + std::to_string(first);
      if (port.last > port.first) url += '-' + std::to_string(first + port.last - port.first);
      return url;
    };
    if (!container_.has_own_network) return at(options_.target_host, port.first);
    if (options_.reach == DockerReach::container) {
      const auto host = address();
      if (host) return at(*host, port.first);
      return std::unexpected(refused_address());
    }
    const auto first = published(port.first, port.scheme == "udp");
    for (std::uint32_t inside = port.first; inside <= port.last; ++inside) {
      const auto its = published(inside, port.scheme == "udp");
      if (!first || !its || static_cast<std::uint32_t>(*its - *first) != inside - port.first)
        return std::unexpected(
            Refused{"is to a port that is not published", "a published port, or \"reach\": \"container\""});
    }
    return at(options_.target_host, *first);
  }

  [[nodiscard]] Refused refused_address() const {
    if (container_.addresses.empty())
      return {"has no address on any network", "a container on one, or \"reach\": \"published\""};
    std::string its;
    for (const auto& [network, address] : container_.addresses)
      its += (its.empty() ? "\"" : ", \"") + network + '"';
    return {"has no address on the network \"" + asked_network() + "\", but on " + its,
            "one of these, a container on that network, or \"reach\": \"published\""};
  }

  [[nodiscard]] std::string asked_network() const { return labels_.value_or("network", options_.network); }

  [[nodiscard]] std::optional<std::string> address() const {
    const std::string network = asked_network();
    const auto found = network.empty() ? container_.addresses.begin() : container_.addresses.find(network);
    if (found == container_.addresses.end()) return std::nullopt;
    return found->second;
  }

  [[nodiscard]] std::optional<std::uint16_t> published(std::uint32_t inside, bool is_udp) const {
    for (const PublishedPort& port : container_.ports) {
      if (port.inside == inside && port.is_udp == is_udp && port.outside != 0) return port.outside;
    }
    return std::nullopt;
  }

  const Container& container_;
  const DockerOptions& options_;
  std::vector<DockerProblem>& problems_;
  const Labels labels_;
};

}  // namespace

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void Said::set(const std::string& key, Json value, const std::string& label) {
  json[key] = std::move(value);
  labels['/' + pointer_token(key)] = label;
}

void Said::set_in(const std::string& group, const std::string& key, Json value, const std::string& label) {
  Json& its = json[group];
  if (!its.is_null() && !its.is_object()) return;
  its[key] = std::move(value);
  labels['/' + pointer_token(group) + '/' + pointer_token(key)] = label;
}

Wanted read_container_labels(const Container& container, const DockerOptions& options,
                             std::vector<DockerProblem>& problems) {
  return Reader(container, options, problems).read();
}

}  // namespace evenkeel::discovery
