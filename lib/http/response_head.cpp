#include "http/response_head.hpp"

#include "http/head_parser.hpp"

namespace evenkeel::http {
namespace {

// HTTP/1.x SP 3DIGIT [ SP reason ]
bool read_status_line(std::string_view line, ResponseHead& out) noexcept {
  constexpr std::size_t version_length = 8;
  constexpr std::size_t without_reason = version_length + 4;
  if (line.size() < without_reason) return false;
  const std::string_view version = line.substr(0, version_length);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return false;
  const std::string_view code = line.substr(version_length + 1, 3);
  if (line[version_length] != ' ' || !is_digits(code)) return false;
  if (line.size() > without_reason && line[without_reason] != ' ') return false;
  out.status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
  out.minor_version = version.back() - '0';
  out.status_line = line;
  return out.status >= 100 && out.status <= 599;
}

// A 101 names the one protocol that the request asked for, once.
bool is_switch_to(std::string_view protocol, std::span<const Field> fields) noexcept {
  int named = 0;
  for (const Field& field : fields) {
    if (field.known != Known::upgrade) continue;
    if (!equals_ignoring_case(field.value, protocol)) return false;
    ++named;
  }
  return named == 1 && !protocol.empty();
}

Framing framing_of(const FramingFields& fields, bool bodyless) noexcept {
  if (bodyless) return Framing::none;
  if (fields.chunked) return Framing::chunked;
  if (!fields.has_length) return Framing::until_close;
  return fields.length == 0 ? Framing::none : Framing::length;
}

}  // namespace

bool read_response_head(std::string_view head, const ResponseContext& context, FieldList& fields,
                        ResponseHead& out) noexcept {
  out = {};
  const std::size_t line_end = head.find("\r\n");
  if (!read_status_line(head.substr(0, line_end), out)) return false;
  ParsedHead parsed;
  if (!parse_response_head(head, fields, parsed) || fields.size() > context.max_fields) return false;
  if (parsed.status != out.status || parsed.minor != out.minor_version) return false;
  out.fields_begin = head.substr(line_end + 2, head.size() - line_end - 4);

  if (out.status == 101) {
    if (!is_switch_to(context.upgrade, fields.all())) return false;
    out.upgrade = context.upgrade;
  }
  const ConnectionOptions connection = mark_hop_by_hop(fields.all());
  const FramingFields framing = read_framing(fields.all(), out.minor_version);
  if (!framing.valid) return false;
  const bool bodyless = context.to_head || out.status < 200 || out.status == 204 || out.status == 304;
  out.framing = framing_of(framing, bodyless);
  out.has_length = framing.has_length && out.status >= 200 && out.status != 204;
  out.content_length = framing.length;
  out.keep_alive = !connection.close && (out.minor_version >= 1 || connection.keep_alive) &&
                   out.framing != Framing::until_close;
  return true;
}

}  // namespace evenkeel::http
