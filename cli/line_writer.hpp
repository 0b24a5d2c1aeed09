// Writes lines to a descriptor without ever holding up who produces them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace evenkeel::cli {

// Lines wait in a bounded buffer and are written by a thread of their own, so a full pipe or a
// stopped terminal costs lines, never a loop's time. Lost lines are counted, and told in the output
// as soon as it moves again.
class LineWriter {
 public:
  static constexpr std::size_t default_capacity = std::size_t{4} << 20;

  // Makes the line that tells of `count` lost lines.
  using LossNotice = std::function<std::string(std::uint64_t count)>;

  // `fd` stays the caller's and must stay open. Throws std::system_error when no thread can be had.
  LineWriter(int fd, LossNotice notice, std::size_t capacity = default_capacity);
  // Writes what waits, for at most `patience` when nobody reads.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // Any thread; never blocks on the descriptor. `line` ends with a newline.
  void append(std::string_view line) noexcept;
  // Any thread: counts a line that could not even be made.
  void lose() noexcept;

 private:
  static constexpr std::chrono::milliseconds patience{1'000};

  void run();
  void write_out(std::string_view text);
  bool wait_writable();
  [[nodiscard]] bool out_of_patience();

  const int fd_;
  const LossNotice notice_;
  const std::size_t capacity_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string waiting_;
  std::uint64_t lost_ = 0;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point give_up_at_;

  bool broken_ = false;  // writer thread only: the reader is gone for good
  std::thread thread_;   // last: it uses everything above
};

}  // namespace evenkeel::cli
