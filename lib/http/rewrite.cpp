#include "http/rewrite.hpp"

#include <algorithm>

#include "http/identity_fields.hpp"

namespace evenkeel::http {
namespace {

// Appends the field lines for which `keeps` is true, as they came; neighbours become one slice.
template <class Keeps>
void gather_kept(std::string_view lines, std::span<const Field> fields, Keeps keeps,
                 GatherList& out) noexcept {
  const char* const end = lines.data() + lines.size();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!keeps(fields[i])) continue;
    const char* const begin = fields[i].name.data();
    const char* const next = i + 1 < fields.size() ? fields[i + 1].name.data() : end;
    out.add({begin, static_cast<std::size_t>(next - begin)});
  }
}

void gather_field(std::string_view name_and_colon, std::string_view value, GatherList& out) noexcept {
  out.add(name_and_colon);
  out.add(value);
  out.add("\r\n");
}

void gather_length(std::uint64_t length, GatherList& out) noexcept {
  out.add("Content-Length: ");
  out.add_number(length);
  out.add("\r\n");
}

bool has_hsts(std::span<const Field> fields) noexcept {
  for (const Field& field : fields) {
    if (equals_ignoring_case(field.name, "Strict-Transport-Security")) return true;
  }
  return false;
}

bool has_field(std::span<const Field> fields, Known known) noexcept {
  for (const Field& field : fields) {
    if (field.known == known) return true;
  }
  return false;
}

void gather_forwarded(const RequestHead& head, std::span<const Field> fields, const RequestRewrite& rewrite,
                      GatherList& out) noexcept {
  if (rewrite.forwarded == ForwardedMode::off) return;
  const bool append = rewrite.forwarded == ForwardedMode::append;
  out.add("X-Forwarded-For: ");
  bool first = true;
  for (const Field& field : fields) {
    // At most a handful; a head full of them would not fit the gather list.
    if (!append || field.known != Known::x_forwarded_for || field.value.empty()) continue;
    if (!first) out.add(", ");
    out.add(field.value);
    first = false;
  }
  if (!first) out.add(", ");
  out.add(rewrite.client_ip.empty() ? std::string_view("unknown") : rewrite.client_ip);
  out.add("\r\n");
  if (!append || !has_field(fields, Known::x_forwarded_proto)) {
    gather_field("X-Forwarded-Proto: ", rewrite.proto, out);
  }
  if (!head.host.empty() && (!append || !has_field(fields, Known::x_forwarded_host))) {
    gather_field("X-Forwarded-Host: ", head.host, out);
  }
}

void gather_request_line(const RequestHead& head, GatherList& out) noexcept {
  out.add(head.method);
  out.add(" ");
  out.add(head.path);
  out.add(" HTTP/1.1\r\n");
}

// "Host: value" and no more: some targets take other white space around it for part of the name.
bool is_plain_host(std::span<const Field> fields) noexcept {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Field& field = fields[i];
    if (field.known != Known::host) continue;
    const std::string_view between(field.name.data() + field.name.size(), field.value.data());
    const char* const after = field.value.data() + field.value.size();
    return between == ": " && *after == '\r';
  }
  return false;
}

}  // namespace

void gather_request_head(const RequestHead& head, const FieldList& fields, const RequestRewrite& rewrite,
                         GatherList& out) noexcept {
  gather_request_line(head, out);
  const bool absolute = head.path.data() != head.target.data();
  const bool own_host =
      !rewrite.host.empty() || absolute || head.host.empty() || !is_plain_host(fields.all());
  if (own_host) {
    const std::string_view known_host = head.host.empty() ? rewrite.fallback_host : head.host;
    gather_field("Host: ", rewrite.host.empty() ? known_host : rewrite.host, out);
  }
  gather_kept(
      head.fields_begin, fields.all(),
      [&](const Field& field) {
        switch (field.known) {
          case Known::content_length:
            return false;
          case Known::host:
            return !own_host;
          case Known::max_forwards:
            return !head.max_forwards;
          case Known::expect:
            return head.expects_continue;
          case Known::x_forwarded_for:
            return rewrite.forwarded == ForwardedMode::off;
          case Known::forwarded:
          case Known::x_forwarded_proto:
          case Known::x_forwarded_host:
            return rewrite.forwarded != ForwardedMode::replace;
          default:
            if (rewrite.knows_client && is_identity_field(field.name)) return false;
            return !field.hop_by_hop;
        }
      },
      out);
  if (head.max_forwards) {
    out.add("Max-Forwards: ");
    out.add_number(*head.max_forwards - 1);
    out.add("\r\n");
  }
  gather_forwarded(head, fields.all(), rewrite, out);
  out.add(rewrite.identity);
  if (!rewrite.via.empty())
    gather_field(head.minor_version == 0 ? "Via: 1.0 " : "Via: 1.1 ", rewrite.via, out);
  if (!head.upgrade.empty()) {
    out.add("Connection: Upgrade\r\n");
    gather_field("Upgrade: ", head.upgrade, out);
  }
  if (head.framing == Framing::chunked) {
    out.add("Transfer-Encoding: chunked\r\n");
  } else if (head.has_length) {
    gather_length(head.content_length, out);
  }
  out.add("\r\n");
}

bool sends_chunks(Framing framing, int client_minor_version) noexcept {
  return client_minor_version >= 1 && (framing == Framing::chunked || framing == Framing::until_close);
}

void gather_response_head(const ResponseHead& head, const FieldList& fields, const ResponseRewrite& rewrite,
                          GatherList& out) noexcept {
  constexpr std::size_t version_length = 8;
  if (head.minor_version == 1) {
    out.add(head.status_line);
  } else {
    out.add("HTTP/1.1");
    out.add(head.status_line.substr(version_length));
  }
  // RFC 9112 section 4: the space stays where there is no reason.
  constexpr std::size_t code_end = version_length + 4;
  out.add(head.status_line.size() == code_end ? " \r\n" : "\r\n");
  gather_kept(
      head.fields_begin, fields.all(),
      [](const Field& field) { return !field.hop_by_hop && field.known != Known::content_length; }, out);
  if (!rewrite.via.empty())
    gather_field(head.minor_version == 0 ? "Via: 1.0 " : "Via: 1.1 ", rewrite.via, out);
  if (!rewrite.hsts.empty() && !head.is_interim() && !has_hsts(fields.all())) {
    gather_field("Strict-Transport-Security: ", rewrite.hsts, out);
  }
  if (rewrite.sticky_token != 0 && !head.is_interim()) {
    out.add("Set-Cookie: ");
    out.add(rewrite.sticky_name);
    out.add("=");
    out.add_number(rewrite.sticky_token, 16);
    out.add(rewrite.sticky_attributes);
    out.add("\r\n");
  }
  if (head.status == 101) {
    out.add("Connection: Upgrade\r\n");
    gather_field("Upgrade: ", head.upgrade, out);
  } else if (!head.is_interim()) {
    if (sends_chunks(head.framing, rewrite.client_minor_version)) {
      out.add("Transfer-Encoding: chunked\r\n");
    } else if (head.has_length) {
      gather_length(head.content_length, out);
    }
    if (!rewrite.client_keep_alive) {
      out.add("Connection: close\r\n");
    } else if (rewrite.client_minor_version == 0) {
      out.add("Connection: keep-alive\r\n");
    }
  }
  out.add("\r\n");
}

void gather_chunk(std::string_view data, bool last, GatherList& out) noexcept {
  if (!data.empty()) {
    out.add_number(data.size(), 16);
    out.add("\r\n");
    out.add(data);
    out.add("\r\n");
  }
  if (last) out.add("0\r\n\r\n");
}

bool passed_through(const FieldList& fields, std::string_view pseudonym) noexcept {
  for (const Field& field : fields.all()) {
    if (field.known != Known::via) continue;
    std::string_view list = field.value;
    std::string_view element;
    while (next_element(list, element)) {
      // received-protocol SP received-by [ SP comment ]
      std::string_view by = trim(element.substr(std::min(element.find(' '), element.size())));
      if (equals_ignoring_case(by.substr(0, by.find(' ')), pseudonym)) return true;
    }
  }
  return false;
}

}  // namespace evenkeel::http
