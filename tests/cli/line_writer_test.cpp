#include "line_writer.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <catch2/catch.hpp>

using evenkeel::cli::LineWriter;

namespace {

class Pipe {
 public:
  Pipe() { REQUIRE(::pipe2(ends_.data(), O_CLOEXEC) == 0); }
  ~Pipe() {
    close_read();
    close_write();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  [[nodiscard]] int write_end() const { return ends_[1]; }
  void close_read() { shut(ends_[0]); }
  void close_write() { shut(ends_[1]); }

  // Until the other end is closed.
  std::string read_all() {
    std::string text;
    std::array<char, 4'096> block{};
    for (ssize_t count = 0; (count = ::read(ends_[0], block.data(), block.size())) > 0;) {
      text.append(block.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  static void shut(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  std::array<int, 2> ends_{};
};

std::string lost_notice(std::uint64_t count) {
  return "lost " + std::to_string(count) + "\n";
}

}  // namespace

TEST_CASE("lines come out whole, from every thread") {
  Pipe pipe;
  std::string text;
  std::thread reader([&] { text = pipe.read_all(); });
  {
    LineWriter writer(pipe.write_end(), lost_notice);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&writer, thread] {
        const std::string line = std::string(50, static_cast<char>('a' + thread)) + "\n";
        for (int i = 0; i < 1'000; ++i) writer.append(line);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  pipe.close_write();
  reader.join();
  std::array<int, 4> lines{};
  for (std::size_t at = 0; at < text.size(); at += 51) {
    const std::string line = text.substr(at, 51);
    const char letter = line.front();
    REQUIRE(line == std::string(50, letter) + "\n");
    ++lines.at(static_cast<std::size_t>(letter - 'a'));
  }
  CHECK(lines == std::array<int, 4>{1'000, 1'000, 1'000, 1'000});
}

TEST_CASE("a reader that stands still costs lines, not time, and is told how many") {
  Pipe pipe;
  const std::string line = std::string(999, 'x') + "\n";
  constexpr int count = 1'000;
  std::string text;
  std::thread reader;
  {
    LineWriter writer(pipe.write_end(), lost_notice, 100'000);
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) writer.append(line);
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::milliseconds{500});
    reader = std::thread([&] { text = pipe.read_all(); });
  }
  pipe.close_write();
  reader.join();
  // One notice a gap; how many gaps there are is up to the scheduler.
  std::size_t lost = 0;
  for (auto at = text.find("lost "); at != std::string::npos; at = text.find("lost ", at + 5)) {
    lost += std::stoul(text.substr(at + 5));
  }
  std::size_t written = 0;
  for (const char c : text) written += c == 'x' ? 1U : 0U;
  CHECK(lost > 0);
  CHECK(written / 999 + lost == count);
}

TEST_CASE("nobody reads: the end does not wait for ever") {
  Pipe pipe;
  const auto began = std::chrono::steady_clock::now();
  {
    LineWriter writer(pipe.write_end(), lost_notice);
    writer.append(std::string(1'000'000, 'x') + "\n");
  }
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds{5});
}

TEST_CASE("a reader that went away is no harm") {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  pipe.close_read();
  LineWriter writer(pipe.write_end(), lost_notice);
  for (int i = 0; i < 100; ++i) writer.append("line\n");
}
