// Sockets that listen, on their way from one owner to the next.
#pragma once

#include <cstdint>
#include <vector>

#include "evenkeel/error.hpp"
#include "evenkeel/export.hpp"

namespace evenkeel {

struct ListeningSocket {
  int descriptor = -1;
  std::uint16_t offset = 0;  // of its port, within the range that a proxy serves
  bool attached = false;     // one of Proxy::attach(), which does not listen itself
  // Whoever gave it keeps it and has it served later, as a service manager does: a proxy that drains leaves
  // there what waits there. It accepts what waits at other sockets, which end with it.
  bool shared = false;
};

// Owns them: what is not taken is closed when it goes. Any thread, one at a time.
class EVENKEEL_API ListeningSockets {
 public:
  ListeningSockets() noexcept;
  ~ListeningSockets();
  ListeningSockets(ListeningSockets&& other) noexcept;
  ListeningSockets& operator=(ListeningSockets&& other) noexcept;
  ListeningSockets(const ListeningSockets&) = delete;
  ListeningSockets& operator=(const ListeningSockets&) = delete;

  // Takes over the descriptor, also when memory is out (std::bad_alloc).
  void add(ListeningSocket socket);
  // Adds a duplicate of it: out_of_descriptors, system.
  Result<void> add_copy(ListeningSocket socket);
  // All of them, which belong to the caller from here on.
  [[nodiscard]] std::vector<ListeningSocket> take() noexcept;
  [[nodiscard]] const std::vector<ListeningSocket>& all() const noexcept { return sockets_; }
  [[nodiscard]] bool empty() const noexcept { return sockets_.empty(); }

 private:
  void close() noexcept;

  std::vector<ListeningSocket> sockets_;
};

}  // namespace evenkeel
