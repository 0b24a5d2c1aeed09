#include "http/request_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "http/head_parser.hpp"

namespace evenkeel::http {
namespace {

constexpr int ok = 0;
constexpr int bad_request = 400;
constexpr int method_not_allowed = 405;
constexpr int uri_too_long = 414;
constexpr int expectation_failed = 417;
constexpr int too_many_fields = 431;
constexpr int not_implemented = 501;
constexpr int version_not_supported = 505;

// METHOD SP target SP HTTP/1.x, single spaces and nothing else: a parser that splits at white space
// and one that splits at the first and last space must see the same three parts.
int read_request_line(std::string_view line, const HeadLimits& limits, RequestHead& out) noexcept {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return bad_request;
  const std::string_view version = line.substr(last + 1);
  out.method = line.substr(0, first);
  out.target = line.substr(first + 1, last - first - 1);
  if (out.target.size() > limits.uri_bytes) return uri_too_long;
  if (!is_token(out.method) || out.target.empty() || out.target.find(' ') != std::string_view::npos) {
    return bad_request;
  }
  const bool is_http = version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.' &&
                       is_digits(version.substr(5, 1)) && is_digits(version.substr(7, 1));
  if (!is_http) return bad_request;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return version_not_supported;
  return ok;
}

constexpr std::array<bool, 256> host_chars = [] {
  std::array<bool, 256> table{};
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = table[c - 0x20] = true;
  for (const char c : std::string_view("-._~%!$&'()*+,;=")) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

// uri-host [ ":" port ], RFC 9110 section 7.2.
bool is_valid_host(std::string_view host) noexcept {
  std::string_view name = host;
  std::string_view port;
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    name = host.substr(1, end - 1);
    port = host.substr(end + 1);
    const bool is_v6 = std::ranges::all_of(name, [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
             c == '.';
    });
    if (!is_v6) return false;
  } else {
    const std::size_t colon = std::min(host.find(':'), host.size());
    name = host.substr(0, colon);
    port = host.substr(colon);
    const bool is_name =
        std::ranges::all_of(name, [](char c) { return host_chars[static_cast<unsigned char>(c)]; });
    if (name.empty() || !is_name) return false;
  }
  if (port.empty()) return true;
  port.remove_prefix(1);
  return host[name.size() + (host.starts_with('[') ? 2 : 0)] == ':' &&
         (port.empty() || (is_digits(port) && port.size() <= 5));
}

// The four forms of RFC 9112 section 3.2, authority-form (CONNECT) left out.
int read_target(RequestHead& out) noexcept {
  std::string_view target = out.target;
  if (target.find('#') != std::string_view::npos) return bad_request;
  if (target.starts_with('/')) {
    out.path = target;
    return ok;
  }
  if (target == "*") {
    out.path = target;
    return out.method == "OPTIONS" ? ok : bad_request;
  }
  constexpr std::string_view scheme = "http://";
  if (!equals_ignoring_case(target.substr(0, scheme.size()), scheme)) return bad_request;
  target.remove_prefix(scheme.size());
  const std::size_t end = std::min(target.find_first_of("/?"), target.size());
  out.host = target.substr(0, end);
  // "http://host?query" has an empty path, which origin-form cannot say without making one up.
  if (!is_valid_host(out.host) || (end < target.size() && target[end] == '?')) return bad_request;
  // RFC 9112 section 3.2.4: OPTIONS of a whole server.
  const std::string_view whole = out.method == "OPTIONS" ? "*" : "/";
  out.path = end == target.size() ? whole : target.substr(end);
  return ok;
}

// What is no number is nobody's limit, and is passed on as it came. Of several the lowest counts.
void read_max_forwards(std::string_view value, RequestHead& out) noexcept {
  if (!is_digits(value)) return;
  std::uint32_t number = std::numeric_limits<std::uint32_t>::max();  // stays when more digits than fit came
  std::from_chars(value.data(), value.data() + value.size(), number);
  out.max_forwards = std::min(number, out.max_forwards.value_or(number));
}

struct Seen {
  int hosts = 0;
  std::string_view host;
  std::string_view upgrade;
  bool unknown_expectation = false;
};

Seen look_at_fields(std::span<const Field> fields, RequestHead& out) noexcept {
  Seen seen;
  for (const Field& field : fields) {
    switch (field.known) {
      case Known::host:
        ++seen.hosts;
        seen.host = field.value;
        break;
      case Known::expect:
        if (equals_ignoring_case(field.value, "100-continue")) {
          out.expects_continue = out.minor_version >= 1;
        } else {
          seen.unknown_expectation = true;
        }
        break;
      case Known::upgrade:
        seen.upgrade = field.value;
        break;
      case Known::user_agent:
        out.user_agent = field.value;
        break;
      case Known::referer:
        out.referer = field.value;
        break;
      case Known::accept:
        out.accept = field.value;
        break;
      case Known::max_forwards:
        if (out.method == "OPTIONS") read_max_forwards(field.value, out);
        break;
      default:
        break;
    }
  }
  return seen;
}

int judge_fields(const Seen& seen, const FramingFields& framing, RequestHead& out) noexcept {
  const bool absolute = !out.host.empty();
  if (seen.hosts > 1 || (seen.hosts == 0 && out.minor_version >= 1)) return bad_request;
  if (seen.hosts == 1 && !is_valid_host(seen.host)) return bad_request;
  // An absolute-form target overrides Host (RFC 9112 section 3.2.2).
  if (!absolute) out.host = seen.host;
  if (!framing.valid) return bad_request;
  out.has_length = framing.has_length;
  out.content_length = framing.length;
  if (framing.chunked) {
    out.framing = Framing::chunked;
  } else if (framing.has_length && framing.length > 0) {
    out.framing = Framing::length;
  }
  if (seen.unknown_expectation && out.minor_version >= 1) return expectation_failed;
  return ok;
}

bool is_idempotent(std::string_view method) noexcept {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" || method == "DELETE";
}

}  // namespace

int read_request_head(std::string_view head, const HeadLimits& limits, FieldList& fields,
                      RequestHead& out) noexcept {
  out = {};
  fields.clear();
  const std::size_t line_end = head.find("\r\n");
  const int line_status = read_request_line(head.substr(0, line_end), limits, out);
  if (line_status != ok) return line_status;

  ParsedHead parsed;
  const bool parsed_ok = parse_request_head(head, fields, parsed);
  if (parsed.too_many_fields || fields.size() > limits.fields) return too_many_fields;
  if (!parsed_ok) return parsed.unknown_method ? not_implemented : bad_request;
  // Both readings of the request line must agree.
  if (parsed.target != out.target || parsed.major != 1) return bad_request;
  out.minor_version = parsed.minor;
  out.fields_begin = head.substr(line_end + 2, head.size() - line_end - 4);

  if (out.method == "CONNECT" || out.method == "TRACE") return method_not_allowed;
  const int target_status = read_target(out);
  if (target_status != ok) return target_status;

  const ConnectionOptions connection = mark_hop_by_hop(fields.all());
  const Seen seen = look_at_fields(fields.all(), out);
  const int field_status = judge_fields(seen, read_framing(fields.all(), out.minor_version), out);
  if (field_status != ok) return field_status;

  out.keep_alive = !connection.close && (out.minor_version >= 1 || connection.keep_alive);
  out.is_head = out.method == "HEAD";
  out.idempotent = is_idempotent(out.method);
  out.asks_upgrade = connection.upgrade && !seen.upgrade.empty();
  const bool may_upgrade =
      connection.upgrade && out.method == "GET" && out.minor_version >= 1 && out.framing == Framing::none;
  if (may_upgrade) out.upgrade = seen.upgrade;
  return ok;
}

}  // namespace evenkeel::http
