#include <string>

#include <catch2/catch.hpp>

#include "spec.hpp"

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

TEST_CASE("comments are allowed") {
  CHECK(spec::config("// first\n" + spec::port("\"via\": /* inside */ \"x\"") + "\n// last").ports.size() ==
        1);
}

TEST_CASE("a text that is not JSON is one error with its line and column") {
  CHECK(
      spec::error("{\n  \"a\": 1,\n}") ==
      ": line 3, column 1: syntax error while parsing object key - unexpected '}'; expected string literal");
  CHECK_THAT(spec::error(""), StartsWith(": line 1, column 1: "));
  CHECK_THAT(spec::error("{} {}"), StartsWith(": line 1, column 4: "));
  CHECK_THAT(spec::error("{\"a\": tru}"), Contains("line 1, column 10") && Contains("invalid literal"));
  CHECK_THAT(spec::error("{\"a\": \"" + std::string(100'000, 'x')), Contains("missing closing quote"));
  CHECK(spec::error("{\"a\": \"" + std::string(100'000, 'x')).size() < 200);
}

TEST_CASE("numbers that no machine holds are syntax errors") {
  CHECK_THAT(spec::error("{\n\"workers\": 1e999}"), StartsWith(": line 2, column "));
}

TEST_CASE("numbers beyond 64 bits are out of range") {
  CHECK_THAT(spec::error(spec::levels("\"workers\": 18446744073709551616", "", "")),
             StartsWith("/workers: is 1.8446744073709552e+19; expected a whole number from 1 to 256"));
}

TEST_CASE("text that is not UTF-8 is refused") {
  CHECK_THAT(spec::error("{\"\xff\": 1}"), Contains("line 1, column 3") && Contains("UTF-8"));
  CHECK_THAT(spec::error("\xff\xfe{"), StartsWith(": line 1, column 1"));
}

TEST_CASE("a byte order mark does no harm") {
  CHECK(spec::config("\xef\xbb\xbf" + spec::port("")).ports.size() == 1);
}

TEST_CASE("nothing hides behind a NUL byte") {
  CHECK(spec::error(spec::port("") + std::string("\0 garbage", 9)) ==
        ": holds a NUL byte; expected JSON text");
}

TEST_CASE("nesting is limited, so that a hostile text costs no stack") {
  CHECK(spec::error(std::string(1'000'000, '[')) ==
        ": line 1, column 65: nested too deep; expected at most 64 levels");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK_THAT(spec::error(objects), StartsWith(": line 1, column 321: nested too deep"));
  CHECK(spec::error(std::string(64, '[') + std::string(64, ']')) ==
        ": is an array; expected an object with \"proxies\"");
}

TEST_CASE("a key that is there twice is an error, whatever its values") {
  CHECK(spec::error(spec::port("\n\"via\": \"a\",\n  \"via\": \"b\"")) ==
        "/via: appears again on line 3; expected each key once");
  CHECK(spec::errors("{\"proxies\": 1, \"proxies\": {\"x\": 1, \"x\": [1, {\"y\": 2, \"y\": 3}]}}").size() ==
        4);
}

TEST_CASE("the same key in different objects is no repetition") {
  CHECK(spec::config(spec::ports(R"("80/http": {"targets": ["a:1"]}, "81/http": {"targets": ["a:1"]})"))
            .ports.size() == 2);
}

TEST_CASE("the document has to be an object") {
  CHECK(spec::error("[]") == ": is an array; expected an object with \"proxies\"");
  CHECK(spec::error("null") == ": is null; expected an object with \"proxies\"");
  CHECK(spec::error("\"x\"") == ": is a string; expected an object with \"proxies\"");
}

TEST_CASE("a large document takes time in proportion") {
  std::string members;
  for (int i = 0; i < 20'000; ++i) members += "\"key" + std::to_string(i) + "\": " + std::to_string(i) + ", ";
  CHECK(spec::errors("{" + members + "\"proxies\": {}}").size() == 20'001);
}
