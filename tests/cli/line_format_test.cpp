#include "line_format.hpp"

#include <array>
#include <chrono>
#include <string>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace evenkeel;
using namespace evenkeel::cli;

namespace {

using Json = nlohmann::json;

// 2026-11-24T19:18:23.042Z
const WallTime moment{std::chrono::milliseconds{1'795'547'903'042}};

std::string json_string(std::string_view text) {
  Line line;
  append_json_string(line, text);
  return fmt::to_string(line);
}

std::string printable(std::string_view text) {
  Line line;
  append_printable(line, text);
  return fmt::to_string(line);
}

AccessRecord record() {
  AccessRecord record;
  record.port = "app 80/http";
  record.client = "192.0.2.7:51034";
  record.method = "GET";
  record.uri = "/a?b=\"c\"";
  record.host = "example.test";
  record.user_agent = "caf\xe9";  // Latin-1, not UTF-8
  record.target = "http://db1:5432";
  record.status = 200;
  record.retries = 1;
  record.bytes_out = 1'234;
  record.duration = std::chrono::microseconds{12'345};
  record.time_to_first_byte = std::chrono::microseconds{11'000};
  return record;
}

}  // namespace

TEST_CASE("a JSON log line is an object with the time in UTC") {
  const std::array<LogField, 2> fields{{{"target", "http://db1:5432"}, {"reason", "status \"500\"\n"}}};
  Line line;
  json_line(line, moment, LogLevel::warning, "target_down", fields);
  const std::string text = fmt::to_string(line);
  CHECK(text.back() == '\n');
  const Json json = Json::parse(text);
  CHECK(json["time"] == "2026-11-24T19:18:23.042Z");
  CHECK(json["level"] == "warning");
  CHECK(json["event"] == "target_down");
  CHECK(json["target"] == "http://db1:5432");
  CHECK(json["reason"] == "status \"500\"\n");
}

TEST_CASE("a text log line is one line, with values quoted where they need it") {
  const std::array<LogField, 3> fields{{{"a", "plain"}, {"b", "two words"}, {"c", ""}}};
  Line line;
  text_line(line, moment, LogLevel::info, "ready", fields, false);
  const std::string text = fmt::to_string(line);
  CHECK(text.ends_with(" info    ready a=plain b=\"two words\" c=\"\"\n"));
}

TEST_CASE("JSON strings are valid whatever the bytes are") {
  CHECK(json_string("plain") == R"("plain")");
  CHECK(json_string("\"\\\n\x01\x7f") == R"("\"\\\u000a\u0001\u007f")");
  CHECK(json_string("grün €𝄞") == R"("grün €𝄞")");
  CHECK(json_string("\xff") == R"("\ufffd")");
  CHECK(json_string("\xc0\xaf") == R"("\ufffd\ufffd")");                      // overlong
  CHECK(json_string("\xed\xa0\x80") == R"("\ufffd\ufffd\ufffd")");            // a surrogate
  CHECK(json_string("\xf4\x90\x80\x80") == R"("\ufffd\ufffd\ufffd\ufffd")");  // beyond U+10FFFF
  CHECK(json_string("\xe2\x82") == R"("\ufffd\ufffd")");                      // cut short
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    CHECK(Json::accept(json_string(text)));
  }
}

TEST_CASE("nothing that is logged can steer a terminal") {
  CHECK(printable("/a\x1b[31m\r\n") == "/a\\x1b[31m\\x0d\\x0a");
  CHECK(printable("\xc2\x9b"
                  "31m") == "\\xc2\\x9b31m");  // CSI as one C1 control
  CHECK(printable("grün \"x\"") == "grün \\x22x\\x22");
}

TEST_CASE("an access record as JSON") {
  Line line;
  json_access(line, moment, record());
  const Json json = Json::parse(fmt::to_string(line));
  CHECK(json["event"] == "access");
  CHECK(json["port"] == "app 80/http");
  CHECK(json["uri"] == "/a?b=\"c\"");
  CHECK(json["user_agent"] == "caf\ufffd");
  CHECK(json["status"] == 200);
  CHECK(json["retries"] == 1);
  CHECK(json["bytes_out"] == 1'234);
  CHECK(json["duration_ms"] == Approx(12.345));
  CHECK_FALSE(json.contains("error"));
}

TEST_CASE("an access record as others write it, with what a balancer adds") {
  AccessRecord its = record();
  its.referer = "https://a.example/";
  its.minor_version = 1;
  const auto line_of = [](const AccessRecord& each) {
    Line line;
    combined_access(line, moment, each);
    return fmt::to_string(line);
  };
  CHECK(line_of(its) ==
        "192.0.2.7 - - [24/Nov/2026:19:18:23 +0000] \"GET /a?b=\\x22c\\x22 HTTP/1.1\" 200 1234 "
        "\"https://a.example/\" "
        "\"caf\\xe9\" example.test http://db1:5432 1 0.011 0.012 -\n");
  AccessRecord refused;
  refused.client = "[2001:db8::1]:443";
  refused.error = "client_closed";
  CHECK(line_of(refused) ==
        "2001:db8::1 - - [24/Nov/2026:19:18:23 +0000] \"- - HTTP/1.0\" 000 0 \"-\" \"-\" - - 0 0.000 0.000 "
        "client_closed\n");
  AccessRecord tcp;
  tcp.protocol = "tcp";
  tcp.port = "db 5432/tcp";
  tcp.client = "unix";
  tcp.target = "tcp://db1:5432";
  CHECK(line_of(tcp) ==
        "- - - [24/Nov/2026:19:18:23 +0000] \"tcp db 5432/tcp\" 000 0 \"-\" \"-\" - tcp://db1:5432 0 0.000 "
        "0.000 -\n");
}

TEST_CASE("an access record as text") {
  Line line;
  text_access(line, moment, record());
  CHECK(
      fmt::to_string(line).ends_with(" 192.0.2.7:51034 200 GET example.test/a?b=\\x22c\\x22 12.3ms 1234B "
                                     "-> http://db1:5432 after 1 retries\n"));
}

TEST_CASE("a refused request has an access record, too") {
  AccessRecord empty;
  empty.client = "192.0.2.7:51034";
  empty.status = 400;
  empty.error = "bad_request";
  Line line;
  text_access(line, moment, empty);
  CHECK(fmt::to_string(line).ends_with(" 192.0.2.7:51034 400 - - 0.0ms 0B error=bad_request\n"));
}
