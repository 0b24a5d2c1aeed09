// What a proxy tells of each request, connection or session that is over.
#pragma once

#include <cstdint>

#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"
#include "evenkeel/strategy.hpp"

namespace evenkeel {

struct Work {
  TargetKey target = 0;  // the last one tried; 0: none was
  int status = 0;        // of a request: what the client was sent; 0 when it went away before
  int retries = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t duration_ns = 0;
  std::uint64_t first_byte_ns =
      0;  // from the beginning to the target's first byte; 0: none came, or not looked at
  const Error* error = nullptr;  // null: nothing failed
};

// Thread rule: called on the loop of the proxy that has it; must not block, throw or end anything. A few
// nanoseconds of it are a few in each request.
class EVENKEEL_API WorkObserver {
 public:
  virtual ~WorkObserver();
  virtual void done(const Work& work) noexcept = 0;
};

}  // namespace evenkeel
