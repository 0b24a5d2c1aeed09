// Byte buffers whose storage is borrowed from a pool, so that an idle connection holds none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace evenkeel::base {

// Freed blocks of one loop, kept for reuse by size class. Not thread-safe.
class BlockPool {
 public:
  static constexpr std::size_t small_block = 4'096;
  static constexpr std::size_t large_block = 81'920;  // a full read buffer and its chunk framing
  static constexpr std::size_t kept_small = 256;
  static constexpr std::size_t kept_large = 16;

  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t capacity = 0;
  };

  // A block of at least `size` bytes; nullptr bytes when memory is out.
  Block take(std::size_t size) noexcept;
  void give_back(Block block) noexcept;

 private:
  std::vector<Block> small_;
  std::vector<Block> large_;
};

// A queue of bytes in one contiguous block: append at the end, consume from the front. Holds a block
// only while it is not empty. Every user bounds what it appends.
class Buffer {
 public:
  explicit Buffer(BlockPool& pool) noexcept : pool_(&pool) {}
  ~Buffer() { clear(); }
  Buffer(Buffer&& other) noexcept : pool_(other.pool_) { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    other.clear();
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  // Valid until the buffer changes.
  [[nodiscard]] std::span<char> bytes() noexcept { return {block_.bytes.get() + begin_, size()}; }
  [[nodiscard]] std::string_view view() const noexcept { return {block_.bytes.get() + begin_, size()}; }

  // False when memory is out; then nothing was appended. `bytes` must not point into this buffer.
  [[nodiscard]] bool append(std::string_view bytes) noexcept;
  void consume(std::size_t count) noexcept;
  void clear() noexcept;

  void swap(Buffer& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(block_, other.block_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
  }

 private:
  [[nodiscard]] bool make_room(std::size_t count) noexcept;

  BlockPool* pool_;
  BlockPool::Block block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace evenkeel::base
