// How many descriptors the process may have.
#pragma once

#include <sys/resource.h>

namespace evenkeel::cli {

// To what the system allows: each proxied connection is two, and the usual soft limit of 1,024 is for
// programs that still use select(), which this one does not.
inline void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace evenkeel::cli
