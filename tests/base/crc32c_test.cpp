#include "base/crc32c.hpp"

#include <string>

#include <catch2/catch.hpp>

using evenkeel::base::crc32c;

TEST_CASE("the checksums are those of RFC 3720, appendix B.4") {
  std::string rising;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i);
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xE3069283);
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AA);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62A8AB43);
  CHECK(crc32c(rising) == 0x46DD794E);
}

TEST_CASE("a checksum goes on where another ended") {
  CHECK(crc32c("6789", crc32c("12345")) == crc32c("123456789"));
}
