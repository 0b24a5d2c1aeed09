#include "http/head_parser.hpp"

#include <llhttp.h>

namespace evenkeel::http {
namespace {

struct Sink {
  FieldList& fields;
  ParsedHead& out;
  bool complete = false;
};

Sink& sink_of(llhttp_t* parser) noexcept {
  return *static_cast<Sink*>(parser->data);
}

int on_url(llhttp_t* parser, const char* at, size_t length) {
  sink_of(parser).out.target = {at, length};
  return 0;
}

int on_header_field(llhttp_t* parser, const char* at, size_t length) {
  Sink& sink = sink_of(parser);
  if (length == 0) return HPE_USER;
  if (sink.fields.add({at, length})) return 0;
  sink.out.too_many_fields = true;
  return HPE_USER;
}

int on_header_value(llhttp_t* parser, const char* at, size_t length) {
  Field* field = sink_of(parser).fields.last();
  if (field == nullptr) return HPE_USER;
  field->value = trim({at, length});
  return 0;
}

// 1 means "no body follows", so that llhttp asks for none; with `upgrade` cleared it also goes on to
// on_message_complete instead of stopping for a protocol switch.
int on_headers_complete(llhttp_t* parser) {
  parser->upgrade = 0;
  return 1;
}

int on_message_complete(llhttp_t* parser) {
  sink_of(parser).complete = true;
  return HPE_PAUSED;
}

// The settings have no state; llhttp only wants them in one place for as long as a parser lives.
constexpr llhttp_settings_t make_settings() noexcept {
  llhttp_settings_t settings{};
  settings.on_url = on_url;
  settings.on_header_field = on_header_field;
  settings.on_header_value = on_header_value;
  settings.on_headers_complete = on_headers_complete;
  settings.on_message_complete = on_message_complete;
  return settings;
}
constexpr llhttp_settings_t settings = make_settings();

bool parse(llhttp_type_t type, std::string_view head, FieldList& fields, ParsedHead& out) noexcept {
  fields.clear();
  out = {};
  Sink sink{fields, out};
  llhttp_t parser;
  llhttp_init(&parser, type, &settings);
  parser.data = &sink;
  const llhttp_errno_t result = llhttp_execute(&parser, head.data(), head.size());
  out.major = parser.http_major;
  out.minor = parser.http_minor;
  out.status = parser.status_code;
  out.unknown_method = result == HPE_INVALID_METHOD;
  // Paused at the last byte: the head was one head, and all of it.
  return result == HPE_PAUSED && sink.complete && llhttp_get_error_pos(&parser) == head.data() + head.size();
}

}  // namespace

bool parse_request_head(std::string_view head, FieldList& fields, ParsedHead& out) noexcept {
  return parse(HTTP_REQUEST, head, fields, out);
}

bool parse_response_head(std::string_view head, FieldList& fields, ParsedHead& out) noexcept {
  return parse(HTTP_RESPONSE, head, fields, out);
}

}  // namespace evenkeel::http
