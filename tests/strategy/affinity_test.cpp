// The number that names a client: proxies of all versions have to make the same one.
#include <cmath>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "evenkeel/strategy.hpp"

#include "base/random.hpp"

using namespace evenkeel;

namespace {

std::uint64_t affinity(const std::string& key) {
  return affinity_of({reinterpret_cast<const std::uint8_t*>(key.data()), key.size()});
}

}  // namespace

TEST_CASE("the affinity of a key is the same everywhere, for ever") {
  CHECK(affinity("") == 0xe9e0033e3badaf36ULL);
  CHECK(affinity("a") == 0x66c0d20452edce21ULL);
  CHECK(affinity("127.0.0.1") == 0x615c086d032f2005ULL);
  CHECK(affinity("2001:db8::1234:5678") == 0xe73a001c529d061cULL);
  CHECK(affinity(std::string("\xff\x00\x80", 3)) == 0xa701daaba1b493c6ULL);
}

TEST_CASE("keys that differ in their length alone are different clients") {
  std::set<std::uint64_t> seen;
  for (std::size_t length = 0; length <= 64; ++length) seen.insert(affinity(std::string(length, '\0')));
  CHECK(seen.size() == 65);
}

TEST_CASE("neighbouring addresses never share a number") {
  std::set<std::uint64_t> seen;
  for (std::uint32_t ip = 0x0a00'0000; ip < 0x0a00'0000 + 100'000; ++ip) {
    const std::uint8_t bytes[] = {static_cast<std::uint8_t>(ip >> 24), static_cast<std::uint8_t>(ip >> 16),
                                  static_cast<std::uint8_t>(ip >> 8), static_cast<std::uint8_t>(ip)};
    seen.insert(affinity_of(bytes));
  }
  CHECK(seen.size() == 100'000);
}

TEST_CASE("each bit of a key moves each bit of the affinity half of the time") {
  const std::size_t length = GENERATE(2U, 4U, 8U, 9U, 16U, 39U);
  CAPTURE(length);
  constexpr int keys = 2'000;
  base::Random random(length);
  for (std::size_t flipped = 0; flipped < 8 * length; ++flipped) {
    int moved[64] = {};
    for (int i = 0; i < keys; ++i) {
      std::string key(length, '\0');
      for (char& c : key) c = static_cast<char>(random.next());
      const std::uint64_t before = affinity(key);
      key[flipped / 8] = static_cast<char>(key[flipped / 8] ^ (1 << flipped % 8));
      const std::uint64_t difference = before ^ affinity(key);
      for (int bit = 0; bit < 64; ++bit) moved[bit] += static_cast<int>(difference >> bit & 1U);
    }
    // Six standard deviations; seeded, so it holds always or never.
    const double allowed = 6 * 0.5 / std::sqrt(keys);
    for (const int count : moved) {
      if (std::abs(static_cast<double>(count) / keys - 0.5) >= allowed)
        FAIL("bit " << flipped << ": " << count);
    }
  }
}
