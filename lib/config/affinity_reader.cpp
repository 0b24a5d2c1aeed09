#include "config/affinity_reader.hpp"

#include "config/syntax.hpp"

namespace evenkeel::config {
namespace {

void read_cookie(const Cursor& at, StickyOptions& out) {
  constexpr std::string_view form = "the name of a cookie, such as \"evenkeel\"";
  auto name = at.string(form);
  if (!name) return;
  if (!is_token(*name)) return at.fail_value(std::string(form));
  out.cookie = std::move(*name);
}

// Max-Age counts seconds.
void read_max_age(const Cursor& at, StickyOptions& out) {
  const auto value = at.duration(std::chrono::milliseconds(0));
  if (!value) return;
  if (*value % std::chrono::seconds(1) != std::chrono::milliseconds(0)) return at.fail_value("whole seconds");
  out.max_age = std::chrono::duration_cast<std::chrono::seconds>(*value);
}

}  // namespace

std::span<const Field<StickyOptions>> sticky_fields() noexcept {
  static constexpr Field<StickyOptions> fields[] = {
      {"cookie", read_cookie},
      {"maxAge", read_max_age},
  };
  return fields;
}

void read_affinity(const Cursor& at, Settings& settings) {
  static constexpr std::string_view names[] = {"ip", "ip+port"};
  const auto index = at.choice("affinity", names);
  if (!index) return;
  settings.tcp.affinity = settings.udp.affinity = *index == 0 ? Affinity::ip : Affinity::ip_and_port;
}

void read_hash_key(const Cursor& at, Settings& settings) {
  constexpr std::string_view form = "\"ip\", \"uri\", \"header:NAME\" or \"cookie:NAME\"";
  const auto text = at.string(form);
  if (!text) return;
  HashKey key;
  const std::size_t colon = text->find(':');
  const std::string_view kind = std::string_view(*text).substr(0, colon);
  if (colon != std::string::npos) key.name = text->substr(colon + 1);
  const bool is_named = kind == "header" || kind == "cookie";
  const bool is_plain = kind == "ip" || kind == "uri";
  if (is_named ? !is_token(key.name) : !is_plain || colon != std::string::npos) {
    return at.fail_value(std::string(form));
  }
  key.by = kind == "ip"       ? HashKey::By::ip
           : kind == "uri"    ? HashKey::By::uri
           : kind == "header" ? HashKey::By::header
                              : HashKey::By::cookie;
  settings.http.hash_key = std::move(key);
}

void read_hash_balance_factor(const Cursor& at, Settings& settings) {
  constexpr std::uint64_t least = 101;
  constexpr std::uint64_t most = 10'000;
  const auto percent = at.whole_number(0, most);
  if (!percent) return;
  if (*percent != 0 && *percent < least) {
    return at.fail_value("0 for no bound, or a whole number of percent from 101 to 10000");
  }
  settings.hash_balance_factor = static_cast<std::uint32_t>(*percent);
}

void read_sticky(const Cursor& at, Settings& settings) {
  if (at.json().is_boolean()) {
    settings.sticky_on = at.json() == true;
  } else if (at.is_object("true, false, or an object with \"cookie\" or \"maxAge\"")) {
    settings.sticky_on = true;
    read_members(at, Table<StickyOptions>{sticky_fields(), settings.http.sticky});
    if (auto cookie = at.member("cookie")) settings.cookie = std::move(cookie);
  }
}

}  // namespace evenkeel::config
