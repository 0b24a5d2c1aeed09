// Which of a run's datagrams have come, so that one that comes twice does not hide one that was lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace evenkeel::bench {

class SequenceSet {
 public:
  // Far above what a bounded run can send: a number beyond it is not ours.
  static constexpr std::uint64_t most = 1ULL << 28;

  // False: it is not new.
  bool add(std::uint64_t sequence) {
    if (sequence >= most) return false;
    if (sequence >= seen_.size()) seen_.resize(sequence + sequence / 2 + 1'024);
    if (seen_[sequence]) return false;
    seen_[sequence] = true;
    ++count_;
    return true;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  std::vector<bool> seen_;
  std::uint64_t count_ = 0;
};

}  // namespace evenkeel::bench
