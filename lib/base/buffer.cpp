#include "base/buffer.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace evenkeel::base {

BlockPool::Block BlockPool::take(std::size_t size) noexcept {
  const std::size_t capacity = size <= small_block ? small_block : std::max(size, large_block);
  auto& kept = capacity == small_block ? small_ : large_;
  if (capacity <= large_block && !kept.empty()) {
    Block block = std::move(kept.back());
    kept.pop_back();
    return block;
  }
  std::unique_ptr<char[]> bytes(new (std::nothrow) char[capacity]);
  if (!bytes) return {};
  return {std::move(bytes), capacity};
}

void BlockPool::give_back(Block block) noexcept {
  const bool is_small = block.capacity == small_block;
  if (!is_small && block.capacity != large_block) return;
  auto& kept = is_small ? small_ : large_;
  const std::size_t limit = is_small ? kept_small : kept_large;
  if (kept.size() >= limit) return;
  try {
    kept.reserve(limit);
    kept.push_back(std::move(block));
  } catch (const std::bad_alloc&) {
    return;  // then the block is simply freed
  }
}

bool Buffer::make_room(std::size_t count) noexcept {
  if (block_.capacity - end_ >= count) return true;
  const std::size_t held = size();
  if (block_.capacity >= held + count && begin_ >= held) {
    std::memcpy(block_.bytes.get(), block_.bytes.get() + begin_, held);
  } else {
    // Twice what is held, so that appending a little at a time stays linear in all.
    BlockPool::Block bigger = pool_->take(std::max(held + count, held * 2));
    if (!bigger.bytes) return false;
    if (held != 0) std::memcpy(bigger.bytes.get(), block_.bytes.get() + begin_, held);
    std::swap(block_, bigger);
    if (bigger.bytes) pool_->give_back(std::move(bigger));
  }
  begin_ = 0;
  end_ = held;
  return true;
}

bool Buffer::append(std::string_view bytes) noexcept {
  if (bytes.empty()) return true;
  if (!make_room(bytes.size())) return false;
  std::memcpy(block_.bytes.get() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
  return true;
}

void Buffer::consume(std::size_t count) noexcept {
  begin_ += count;
  if (begin_ >= end_) clear();
}

void Buffer::clear() noexcept {
  begin_ = end_ = 0;
  if (block_.bytes) pool_->give_back(std::move(block_));
  block_ = {};
}

}  // namespace evenkeel::base
