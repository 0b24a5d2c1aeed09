// Slices of bytes to be written in one system call, in order, without copying them together first.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <sys/uio.h>

namespace evenkeel::http {

// Holds views: what they point to must stay where it is until the list is written. One per loop,
// used again. Neighbouring slices of the same head are joined, so that a head with nothing removed
// is one slice.
class GatherList {
 public:
  // The worst head: FieldList::capacity X-Forwarded-For fields joined into one, at two slices each,
  // and what else is added. Below IOV_MAX, so that one sendmsg takes it.
  static constexpr std::size_t capacity = 640;

  void clear() noexcept {
    size_ = 0;
    bytes_ = 0;
    digits_used_ = 0;
    complete_ = true;
  }

  void add(std::string_view slice) noexcept {
    if (slice.empty()) return;
    bytes_ += slice.size();
    if (size_ != 0 && ends_at(slices_[size_ - 1]) == slice.data()) {
      slices_[size_ - 1].iov_len += slice.size();
      return;
    }
    if (size_ == capacity) {
      complete_ = false;
      return;
    }
    slices_[size_++] = {const_cast<char*>(slice.data()), slice.size()};
  }

  // The digits live in the list until clear().
  void add_number(std::uint64_t number, int base = 10) noexcept {
    char* first = digits_.data() + digits_used_;
    char* end = std::to_chars(first, digits_.data() + digits_.size(), number, base).ptr;
    digits_used_ += static_cast<std::size_t>(end - first);
    add({first, static_cast<std::size_t>(end - first)});
  }

  [[nodiscard]] std::span<const iovec> slices() const noexcept { return {slices_.data(), size_}; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  // False when something did not fit: what is there must not be sent.
  [[nodiscard]] bool complete() const noexcept { return complete_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  static const char* ends_at(const iovec& slice) noexcept {
    return static_cast<const char*>(slice.iov_base) + slice.iov_len;
  }

  std::array<iovec, capacity> slices_;
  std::array<char, 64> digits_;  // three numbers a list: a token, a length and a chunk size
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
  std::size_t digits_used_ = 0;
  bool complete_ = true;
};

}  // namespace evenkeel::http
