#include "tailnet/node_whois.hpp"

#include <cerrno>
#include <new>
#include <utility>
#include <vector>

#include "net/uv_handle.hpp"

namespace evenkeel::tailnet {
namespace {

WhoisAsker::Reply failure(ErrorCode code, int os_error, const char* text) {
  return std::unexpected(LocalApiError{{code, Fault::us, true, os_error}, text});
}

WhoisAsker::Reply refusal(int status) {
  switch (-status) {
    case EAGAIN:
      return failure(ErrorCode::over_limit, EAGAIN, "the embedded node has too many whois questions already");
    case EBADF:
      return failure(ErrorCode::system, EBADF, "the embedded node is closed");
    default:
      return failure(ErrorCode::invalid_argument, -status, "the embedded node takes that for no address");
  }
}

// Where the answers for one loop wait for it.
class LoopMailbox final : public WhoisDesk::Mailbox {
 public:
  LoopMailbox(uv_loop_t* loop, void (*woken)(void*), void* owner)
      : async_(net::make_handle<uv_async_t>(
            [](uv_loop_t* its_loop, uv_async_t* handle) {
              return uv_async_init(its_loop, handle, [](uv_async_t* async) {
                if (async->data != nullptr) static_cast<LoopMailbox*>(async->data)->wake();
              });
            },
            loop)),
        woken_(woken),
        owner_(owner) {
    if (!async_) throw std::bad_alloc();
    async_->data = this;
    uv_unref(reinterpret_cast<uv_handle_t*>(async_.get()));
  }

  void post(std::int64_t id, WhoisAsker::Reply reply) override {
    const std::lock_guard lock(mutex_);
    if (!async_) return;
    waiting_.emplace_back(id, std::move(reply));
    uv_async_send(async_.get());
  }

  // The rest: the loop's thread.
  std::vector<std::pair<std::int64_t, WhoisAsker::Reply>> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, {});
  }
  void close() noexcept {
    const std::lock_guard lock(mutex_);
    async_.reset();
    waiting_.clear();
  }

 private:
  void wake() { woken_(owner_); }

  std::mutex mutex_;
  net::UvHandle<uv_async_t> async_;
  std::vector<std::pair<std::int64_t, WhoisAsker::Reply>> waiting_;
  void (*woken_)(void*);
  void* owner_;
};

class NodeAsker final : public WhoisAsker {
 public:
  NodeAsker(uv_loop_t* loop, std::shared_ptr<WhoisDesk> desk)
      : desk_(std::move(desk)),
        mailbox_(std::make_shared<LoopMailbox>(
            loop, [](void* self) { static_cast<NodeAsker*>(self)->deliver(); }, this)) {}
  ~NodeAsker() override { mailbox_->close(); }
  NodeAsker(const NodeAsker&) = delete;
  NodeAsker& operator=(const NodeAsker&) = delete;

  std::unique_ptr<Call> ask(const std::string& ip, std::uint16_t port, Done done) override {
    const std::string digits = std::to_string(port);
    const bool v6 = ip.contains(':');
    const std::string address = (v6 ? "[" + ip + "]:" : ip + ":") + digits;
    const std::int64_t id = desk_->new_id();
    calls_.emplace(id, std::move(done));
    auto call = std::make_unique<NodeCall>(*this, id);
    desk_->ask(id, address, mailbox_);
    return call;
  }

 private:
  struct NodeCall final : Call {
    NodeCall(NodeAsker& its_asker, std::int64_t its_id) noexcept : asker(its_asker), id(its_id) {}
    ~NodeCall() override { asker.calls_.erase(id); }
    NodeAsker& asker;
    std::int64_t id;
  };

  void deliver() {
    for (auto& [id, reply] : mailbox_->take()) {
      const auto found = calls_.find(id);
      if (found == calls_.end()) continue;  // whoever asked has gone
      const Done done = std::move(found->second);
      calls_.erase(found);
      done(std::move(reply));
    }
  }

  std::shared_ptr<WhoisDesk> desk_;
  std::shared_ptr<LoopMailbox> mailbox_;
  std::unordered_map<std::int64_t, Done> calls_;
};

}  // namespace

void WhoisDesk::open(int node) {
  const std::lock_guard lock(mutex_);
  node_ = node;
}

void WhoisDesk::close() {
  const std::lock_guard lock(mutex_);
  node_ = -1;
  for (const auto& [id, mailbox] : asked_) mailbox->post(id, refusal(-EBADF));
  asked_.clear();
}

// Under the lock: else the node might be closed, and this question's place on the list with it, before the
// question is asked. The node does not block.
void WhoisDesk::ask(std::int64_t id, const std::string& address, const std::shared_ptr<Mailbox>& mailbox) {
  const std::lock_guard lock(mutex_);
  const int asked = node_ < 0 ? -EBADF : calls_.whois(node_, static_cast<long>(id), address.c_str());
  if (asked < 0) return mailbox->post(id, refusal(asked));
  asked_.emplace(id, mailbox);
}

void WhoisDesk::answer(std::int64_t id, WhoisAsker::Reply reply) {
  const std::lock_guard lock(mutex_);
  const auto found = asked_.find(id);
  if (found == asked_.end()) return;
  found->second->post(id, std::move(reply));
  asked_.erase(found);
}

std::unique_ptr<WhoisAsker> make_node_asker(uv_loop_t* loop, std::shared_ptr<WhoisDesk> desk) {
  return std::make_unique<NodeAsker>(loop, std::move(desk));
}

}  // namespace evenkeel::tailnet
