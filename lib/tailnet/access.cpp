#include "evenkeel/access.hpp"

#include <algorithm>

#include "http/field.hpp"

namespace evenkeel {
namespace {

constexpr std::string_view tag_prefix = "tag:";
constexpr std::string_view group_prefix = "group:";
constexpr std::string_view capability_prefix = "cap:";

bool is_plain(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c != 0x7f && c != '*'; });
}

std::string_view domain_of(std::string_view login) noexcept {
  const std::size_t at = login.rfind('@');
  return at == std::string_view::npos ? std::string_view() : login.substr(at + 1);
}

bool holds(const std::vector<std::string>& list, std::string_view text) noexcept {
  return std::ranges::find(list, text) != list.end();
}

// A SCIM group goes by its plain name, one of the policy file by "group:" and its name.
bool is_in_group(const Identity& who, std::string_view name) noexcept {
  return std::ranges::any_of(who.groups, [&](std::string_view group) {
    if (group.starts_with(group_prefix)) group.remove_prefix(group_prefix.size());
    return group == name;
  });
}

// What a person may be shown of what somebody else has chosen.
std::string printable(std::string_view text) {
  constexpr std::size_t most = 128;
  std::string out(text.substr(0, most));
  std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

}  // namespace

std::expected<void, std::string_view> AccessList::add(std::string_view entry) {
  const auto add_rule = [&](Kind kind, std::string_view text) -> std::expected<void, std::string_view> {
    rules_.push_back({kind, std::string(text)});
    return {};
  };
  const auto behind = [&](std::string_view prefix) { return entry.substr(prefix.size()); };

  if (entry == "*") return add_rule(Kind::user, {});
  if (entry == "tag:*") return add_rule(Kind::any_tag, {});
  if (entry.starts_with("*@")) {
    const std::string_view domain = behind("*@");
    if (domain.empty()) return std::unexpected("has no domain behind \"*@\"");
    if (!is_plain(domain) || domain.contains('@')) return std::unexpected("is no \"*@domain\"");
    return add_rule(Kind::domain, domain);
  }
  if (!is_plain(entry)) {
    return std::unexpected("holds white space, a control character or a \"*\" where none may stand");
  }
  if (entry.starts_with(tag_prefix)) {
    if (behind(tag_prefix).empty()) return std::unexpected("has no name behind \"tag:\"");
    return add_rule(Kind::tag, entry);
  }
  if (entry.starts_with(group_prefix)) {
    if (behind(group_prefix).empty()) return std::unexpected("has no name behind \"group:\"");
    return add_rule(Kind::group, behind(group_prefix));
  }
  if (entry.starts_with(capability_prefix)) {
    if (behind(capability_prefix).empty()) return std::unexpected("has no name behind \"cap:\"");
    return add_rule(Kind::capability, behind(capability_prefix));
  }
  if (entry.starts_with("autogroup:")) {
    return std::unexpected("is known to the tailnet's policy only; \"*\" is every user");
  }
  if (domain_of(entry).empty() || entry.starts_with('@')) {
    return std::unexpected(
        "is none of user@example.com, *@example.com, tag:NAME, group:NAME, cap:NAME, tag:* and *");
  }
  return add_rule(Kind::login, entry);
}

bool AccessList::matches(const Rule& rule, const Identity& who) noexcept {
  switch (rule.kind) {
    case Kind::tag:
      return holds(who.tags, rule.text);
    case Kind::any_tag:
      return who.tagged();
    case Kind::capability:
      return holds(who.capabilities, rule.text);
    default:
      break;
  }
  // A user's entry. Of somebody without a login nothing is known, and a tagged node has no user.
  if (who.tagged() || who.login.empty()) return false;
  switch (rule.kind) {
    case Kind::user:
      return true;
    case Kind::login:
      return http::equals_ignoring_case(rule.text, who.login);
    case Kind::domain:
      return !who.login.starts_with('@') && http::equals_ignoring_case(rule.text, domain_of(who.login));
    default:
      return is_in_group(who, rule.text);
  }
}

bool AccessList::allows(const Identity* who) const noexcept {
  return who != nullptr && std::ranges::any_of(rules_, [&](const Rule& rule) { return matches(rule, *who); });
}

std::string AccessList::refusal(const Identity* who) const {
  if (who == nullptr) return "The tailnet does not know who you are.";
  std::string text = "You are ";
  if (who->tagged()) {
    text += "the node " + printable(who->node) + " with";
    for (const std::string& tag : who->tags) text += " " + printable(tag);
    return text + ", which may not use this.";
  }
  text += printable(who->login) + ", who may not use this.";
  const bool by_group =
      std::ranges::any_of(rules_, [](const Rule& rule) { return rule.kind == Kind::group; });
  // Else whoever wrote "group:eng" looks for the mistake in the wrong place.
  if (by_group && who->groups.empty()) text += " The tailnet's control server told none of your groups.";
  return text;
}

}  // namespace evenkeel
