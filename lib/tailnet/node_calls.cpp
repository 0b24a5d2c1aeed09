#include "tailnet/node_calls.hpp"

#include <atomic>
#include <dlfcn.h>

#include "tailnet/node/evenkeel_node.h"

namespace evenkeel::tailnet {

#ifdef EVENKEEL_NODE_LIBRARY

namespace {

struct Library {
  NodeCalls calls;
  decltype(&ek_node_signals_on_stack) signals_on_stack;
};

template <class Function>
bool find(void* library, const char* name, Function& function) noexcept {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

// Beside whoever asks (RUNPATH), or where the loader looks, or where it was to be installed. Stays: Go cannot
// be unloaded.
void* open_library() noexcept {
  constexpr int flags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
  void* library = ::dlopen("libevenkeel_node.so", flags);
  return library != nullptr ? library : ::dlopen(EVENKEEL_NODE_LIBRARY, flags);
}

const Library* load() noexcept {
  static Library loaded{};
  void* library = open_library();
  if (library == nullptr) return nullptr;
  NodeCalls& calls = loaded.calls;
  const bool all =
      find(library, "ek_node_new", calls.make) && find(library, "ek_node_events", calls.events) &&
      find(library, "ek_node_start", calls.start) && find(library, "ek_node_listen", calls.listen) &&
      find(library, "ek_node_listen_packet", calls.listen_packet) &&
      find(library, "ek_node_whois", calls.whois) && find(library, "ek_node_cert", calls.certificate) &&
      find(library, "ek_node_close", calls.close) &&
      find(library, "ek_node_signals_on_stack", loaded.signals_on_stack);
  return all ? &loaded : nullptr;
}

std::atomic<const Library*> in_use{nullptr};

}  // namespace

const NodeCalls* embedded_node_calls() noexcept {
  static const Library* const library = load();
  in_use = library;
  return library == nullptr ? nullptr : &library->calls;
}

void embedded_node_signals_on_stack() noexcept {
  if (const Library* library = in_use) (void)library->signals_on_stack();
}

#else

const NodeCalls* embedded_node_calls() noexcept {
  return nullptr;
}

void embedded_node_signals_on_stack() noexcept {}

#endif

}  // namespace evenkeel::tailnet
