#include "base/buffer.hpp"

#include <string>

#include <catch2/catch.hpp>

using evenkeel::base::BlockPool;
using evenkeel::base::Buffer;

TEST_CASE("a buffer is a queue of bytes, whatever sizes go in and out") {
  BlockPool pool;
  Buffer buffer(pool);
  std::string expected;
  std::string taken;
  std::string given;
  for (std::size_t i = 1; i < 400; ++i) {
    const std::string piece(i * 7 % 1'000, static_cast<char>('a' + i % 26));
    REQUIRE(buffer.append(piece));
    given += piece;
    const std::size_t take = std::min(buffer.size(), i * 13 % 1'100);
    taken += buffer.view().substr(0, take);
    buffer.consume(take);
  }
  taken += buffer.view();
  CHECK(taken == given);
}

TEST_CASE("an empty buffer holds no block, and a block that was given back is used again") {
  BlockPool pool;
  Buffer first(pool);
  REQUIRE(first.append("abc"));
  const char* block = first.view().data();
  first.consume(3);
  CHECK(first.empty());
  Buffer second(pool);
  REQUIRE(second.append("x"));
  CHECK(second.view().data() == block);
}

TEST_CASE("moving a buffer moves its bytes") {
  BlockPool pool;
  Buffer first(pool);
  REQUIRE(first.append("abc"));
  Buffer second = std::move(first);
  CHECK(second.view() == "abc");
  Buffer third(pool);
  REQUIRE(third.append("old"));
  third = std::move(second);
  CHECK(third.view() == "abc");
}
