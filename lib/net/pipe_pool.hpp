// The pipes of one loop, for splice(2).
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "net/fd.hpp"

namespace evenkeel::net {

// The kernel's buffer between two splice(2) calls.
struct Pipe {
  Fd read_end;
  Fd write_end;
};

// Pipes of one loop that are empty and may be used again: making one costs three system calls.
class PipePool {
 public:
  static constexpr std::size_t capacity = 262'144;  // bytes a pipe can hold
  static constexpr std::size_t kept = 64;
  static constexpr std::size_t most = 256;  // at once: descriptors are for connections first

  // nullptr when there are enough, or no descriptor for one: the caller goes on without.
  std::unique_ptr<Pipe> take() noexcept;
  // A pipe that is not empty is closed, with what it holds.
  void give_back(std::unique_ptr<Pipe> pipe, bool empty) noexcept;

 private:
  std::size_t taken_ = 0;
  std::vector<std::unique_ptr<Pipe>> idle_;
};

}  // namespace evenkeel::net
