// Who the clients of one loop are: whois answers, kept for a while.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "evenkeel/clock.hpp"
#include "evenkeel/identity.hpp"

#include "base/intrusive_list.hpp"
#include "tailnet/whois_asker.hpp"

namespace evenkeel::tailnet {

struct WhoisCacheOptions {
  std::size_t entries = 4'096;             // answers kept; the one unused for longest goes first
  std::chrono::milliseconds keep{30'000};  // so long a user who was removed is still let in
  std::chrono::milliseconds keep_unknown{2'000};
  std::chrono::milliseconds keep_error{200};  // so that what is down is not asked by everybody
  std::size_t under_way = 64;                 // requests at once
  std::size_t queued = 1'024;                 // addresses that wait for their turn
  bool loopback = true;  // ask about clients on loopback, too; in vain when tailscaled has a TUN
};

// An address of the tailnet is its node's, whatever the port. Behind loopback may be somebody else each time:
// with userspace networking tailscaled connects to us itself, for everybody, and knows by the port for whom.
// So that is asked about with its port, and never kept. Any other address is nobody's, and not asked about: a
// client from elsewhere must not keep tailscaled busy (see whois_path).
class WhoisCache final : public IdentitySource {
 public:
  // `clock` must outlive it. Thread rule: the loop's thread.
  WhoisCache(std::unique_ptr<WhoisAsker> asker, const Clock& clock, WhoisCacheOptions options = {});
  WhoisCache(LocalApi api, const Clock& clock, WhoisCacheOptions options = {})
      : WhoisCache(make_tailscaled_asker(std::move(api)), clock, options) {}
  ~WhoisCache() override;
  WhoisCache(const WhoisCache&) = delete;
  WhoisCache& operator=(const WhoisCache&) = delete;

  // O(1), one question to the tailnet at the most. over_limit when too many wait already; invalid_argument
  // for what is no IP.
  [[nodiscard]] Query identify(std::string_view ip, std::uint16_t port, Callback done) noexcept override;

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  // Of the last failure, for a person; empty after a success.
  [[nodiscard]] const std::string& last_error() const noexcept { return last_error_; }

 private:
  struct Key {
    std::array<std::uint8_t, 16> ip{};
    std::uint16_t port = 0;  // of loopback only
    bool v6 = false;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  struct Waiting;
  struct Entry;

  // What to ask about; nobody when nobody needs to be asked.
  Result<std::optional<Key>> key_of(std::string_view ip, std::uint16_t port) const noexcept;
  Entry* entry_for(const Key& key, std::string_view ip);
  Query ask(const Key& key, std::string_view ip, Callback& done);
  void send_next();
  void send(Entry& entry);
  void on_answer(const Key& key, WhoisAsker::Reply reply);
  Answer judge(WhoisAsker::Reply reply);
  void make_room();
  void forget(Entry& entry) noexcept;

  std::unique_ptr<WhoisAsker> asker_;  // before the entries, whose calls it has to outlive
  const Clock& clock_;
  WhoisCacheOptions options_;
  std::unordered_map<Key, std::unique_ptr<Entry>, Hash> entries_;
  base::IntrusiveList<Entry> kept_;    // answered, the one unused for longest first
  base::IntrusiveList<Entry> queued_;  // to be asked about
  std::size_t under_way_ = 0;
  std::size_t queue_length_ = 0;
  std::string last_error_;
};

}  // namespace evenkeel::tailnet
