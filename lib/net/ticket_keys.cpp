#include "net/ticket_keys.hpp"

#include <algorithm>
#include <new>

#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace evenkeel::net {

TicketKeys::~TicketKeys() {
  for (Held& held : keys_) OPENSSL_cleanse(&held.key, sizeof held.key);
}

void TicketKeys::forget_old(Time now) noexcept {
  while (!keys_.empty() && now - keys_.front().made >= kept_) {
    OPENSSL_cleanse(&keys_.front().key, sizeof(TicketKey));
    keys_.erase(keys_.begin());
  }
}

std::optional<TicketKey> TicketKeys::current(Time now) noexcept {
  const std::lock_guard lock(mutex_);
  forget_old(now);
  if (!keys_.empty() && now - keys_.back().made < rotation_) return keys_.back().key;
  TicketKey key;
  const auto fill = [](auto& bytes) { return RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1; };
  if (!fill(key.name) || !fill(key.cipher) || !fill(key.mac)) return std::nullopt;
  try {
    keys_.push_back({key, now});
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
  return key;
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const std::uint8_t, 16> name, Time now) noexcept {
  const std::lock_guard lock(mutex_);
  forget_old(now);
  const auto found =
      std::ranges::find_if(keys_, [&](const Held& held) { return std::ranges::equal(held.key.name, name); });
  if (found == keys_.end()) return std::nullopt;
  return Found{found->key, found + 1 == keys_.end() && now - found->made < rotation_};
}

}  // namespace evenkeel::net
