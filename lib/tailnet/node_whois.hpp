// Questions of many loops to one embedded node, whose answers come on the node's loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <uv.h>

#include "tailnet/node_calls.hpp"
#include "tailnet/whois_asker.hpp"

namespace evenkeel::tailnet {

// Thread rule: any thread. Bounded by what the node itself takes (EK_NODE_MAX_WHOIS).
class WhoisDesk {
 public:
  // Of one loop; may outlive its loop's interest in it.
  class Mailbox {
   public:
    virtual void post(std::int64_t id, WhoisAsker::Reply reply) = 0;

   protected:
    ~Mailbox() = default;
  };

  explicit WhoisDesk(const NodeCalls& calls) noexcept : calls_(calls) {}

  // From here on the node is this one.
  void open(int node);
  // Every question is answered with an error, now and from here on, until open().
  void close();
  // Asks; the answer comes to the mailbox, perhaps within this call. The id is new. Throws std::bad_alloc.
  void ask(std::int64_t id, const std::string& address, const std::shared_ptr<Mailbox>& mailbox);
  [[nodiscard]] std::int64_t new_id() noexcept { return ++last_id_; }
  // What the node says.
  void answer(std::int64_t id, WhoisAsker::Reply reply);

 private:
  const NodeCalls& calls_;
  std::atomic<std::int64_t> last_id_ = 0;
  std::mutex mutex_;
  int node_ = -1;
  std::unordered_map<std::int64_t, std::shared_ptr<Mailbox>> asked_;
};

// For one loop, on whose thread it is used and destroyed. Its handle does not keep the loop going. Throws
// std::bad_alloc.
std::unique_ptr<WhoisAsker> make_node_asker(uv_loop_t* loop, std::shared_ptr<WhoisDesk> desk);

}  // namespace evenkeel::tailnet
