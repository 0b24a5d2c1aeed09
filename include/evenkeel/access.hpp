// Who of a tailnet may use a port.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/export.hpp"
#include "evenkeel/identity.hpp"

namespace evenkeel {

// A list of who is let in. Not on it, or not known: not let in. An empty list lets nobody in; whether a
// port has a list at all is its owner's business.
//
//   alice@example.com   this user: the login, whatever its case
//   *@example.com       every user whose login ends so
//   tag:web, tag:*      nodes with this tag; with any
//   group:eng           users in this group, as far as the control server tells this node of groups
//   cap:example.com/web whoever the tailnet's policy grants this capability on this node (`app` of a grant)
//   *                   every user of the tailnet
//
// Entries for users never match a tagged node: it belongs to nobody.
class EVENKEEL_API AccessList {
 public:
  // O(1). The reason why not is made to follow the entry ("has no name behind \"tag:\""), and is of static
  // storage. Throws std::bad_alloc.
  std::expected<void, std::string_view> add(std::string_view entry);

  [[nodiscard]] bool empty() const noexcept { return rules_.empty(); }

  // `who` may be null: not known. Any thread, while nobody adds. O(entries * what is known of `who`).
  [[nodiscard]] bool allows(const Identity* who) const noexcept;

  // One sentence for the person who was not let in, and for the log: who they are here, and why not.
  // Printable ASCII. Throws std::bad_alloc.
  [[nodiscard]] std::string refusal(const Identity* who) const;

 private:
  enum class Kind : unsigned char { login, domain, user, tag, any_tag, group, capability };
  struct Rule {
    Kind kind;
    std::string text;
  };
  static bool matches(const Rule& rule, const Identity& who) noexcept;

  std::vector<Rule> rules_;
};

}  // namespace evenkeel
