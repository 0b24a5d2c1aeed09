#include "http/own_response.hpp"

#include <new>

#include <fmt/format.h>

#include "http/field.hpp"

namespace evenkeel::http {
namespace {

std::string http_date(std::time_t now) {
  // Not strftime: its day and month names follow the host's locale.
  constexpr std::string_view days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::string_view months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm utc{};
  gmtime_r(&now, &utc);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days[utc.tm_wday], utc.tm_mday,
                     months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::string render_body(const OwnResponse& response) {
  const std::string_view reason = reason_phrase(response.status);
  if (response.as_json) {
    // `detail` is one of our own sentences: nothing in it needs escaping.
    return fmt::format("{{\"status\":{},\"error\":\"{}\",\"detail\":\"{}\"}}\n", response.status, reason,
                       response.detail);
  }
  return fmt::format("{} {}\n{}{}", response.status, reason, response.detail,
                     response.detail.empty() ? "" : "\n");
}

std::string render_message(const OwnResponse& response) {
  const std::string body = render_body(response);
  std::string text = fmt::format(
      "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: {}; charset=utf-8\r\nContent-Length: {}\r\n"
      "Cache-Control: no-store\r\n",
      response.status, reason_phrase(response.status), http_date(response.now),
      response.as_json ? "application/json" : "text/plain", body.size());
  if (!response.location.empty())
    text += fmt::format("Location: {}{}\r\n", response.location, response.location_rest);
  if (!response.hsts.empty()) text += fmt::format("Strict-Transport-Security: {}\r\n", response.hsts);
  if (response.retry_after_s != 0) text += fmt::format("Retry-After: {}\r\n", response.retry_after_s);
  if (response.tells_methods || response.status == 405)
    text += "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";
  if (!response.keep_alive) {
    text += "Connection: close\r\n";
  } else if (response.client_minor_version == 0) {
    text += "Connection: keep-alive\r\n";
  }
  text += "\r\n";
  if (!response.to_head) text += body;
  return text;
}

}  // namespace

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 301:
      return "Moved Permanently";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 508:
      return "Loop Detected";
    default:
      return "Error";
  }
}

std::string render(const OwnResponse& response) noexcept {
  try {
    return render_message(response);
  } catch (const std::bad_alloc&) {
    return {};
  }
}

bool prefers_json(std::string_view accept) noexcept {
  std::string_view element;
  while (next_element(accept, element)) {
    const std::string_view type = trim(element.substr(0, element.find(';')));
    if (equals_ignoring_case(type, "application/json") || type.ends_with("+json")) return true;
    if (type.starts_with("text/") || type == "*/*") return false;
  }
  return false;
}

}  // namespace evenkeel::http
