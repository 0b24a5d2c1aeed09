#include "config/size.hpp"

#include <catch2/catch.hpp>

#include "spec.hpp"

using evenkeel::config::parse_size;

TEST_CASE("a size is a whole number and a binary unit") {
  CHECK(parse_size("0B") == 0);
  CHECK(parse_size("512B") == 512);
  CHECK(parse_size("64KiB") == 65'536);
  CHECK(parse_size("10MiB") == 10'485'760);
  CHECK(parse_size("1GiB") == 1'073'741'824);
  CHECK(parse_size("2TiB") == 2'199'023'255'552);
}

TEST_CASE("anything else is no size") {
  for (const char* text :
       {"", "10", "KiB", "10MB", "10M", "10mib", "1.5MiB", "-1B", "+1B", " 1B", "1 B", "1B ", "1PiB"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text));
  }
}

TEST_CASE("a size that does not fit into 64 bits is refused") {
  CHECK(parse_size("16777215TiB") == 16'777'215ULL << 40);
  CHECK_FALSE(parse_size("16777216TiB"));
  CHECK_FALSE(parse_size("18446744073709551616B"));
}

TEST_CASE("byte limits take numbers and sizes") {
  CHECK(spec::only_port(spec::port(R"("limits": {"bodyBytes": 1000})")).http.limits.body_bytes == 1'000);
  CHECK(spec::only_port(spec::port(R"("limits": {"bodyBytes": "10MiB"})")).http.limits.body_bytes ==
        10'485'760);
  CHECK(spec::error(spec::port(R"("limits": {"headBytes": "64KiB"})")) ==
        "/limits/headBytes: is \"64KiB\"; expected a size in bytes from 512 to 32768");
  CHECK(spec::error(spec::port(R"("limits": {"bodyBytes": "10MB"})")) ==
        "/limits/bodyBytes: is \"10MB\"; expected a whole number of bytes, or one with the unit B, KiB, MiB, "
        "GiB or "
        "TiB, such as \"64KiB\"");
}
