#include "tailnet/whois.hpp"

#include "tailnet/local.hpp"

namespace evenkeel::tailnet {

std::string whois_path(std::string_view ip, unsigned port) {
  const bool v6 = ip.contains(':') && port != 0;
  std::string path = "/localapi/v0/whois?proto=tcp&addr=";
  if (v6) path += "%5B";
  for (const char c : ip) c == ':' ? path.append("%3A") : path.append(1, c);
  if (v6) path += "%5D";
  return port == 0 ? path : path + "%3A" + std::to_string(port);
}

base::OrReason<Identity> read_whois(std::string_view json) {
  const std::optional<Json> document = read_json(json);
  if (!document) return std::unexpected("is not JSON");
  const Json* node = member(*document, "Node");
  const Json* user = member(*document, "UserProfile");
  if (node == nullptr || user == nullptr) return std::unexpected("has no Node and UserProfile");

  Identity who;
  who.login = string_member(*user, "LoginName");
  who.name = string_member(*user, "DisplayName");
  who.picture = string_member(*user, "ProfilePicURL");
  who.groups = strings_member(*user, "Groups");
  // As UserID.String() of tailcfg writes it.
  if (const Json* id = member(*user, "ID"); id != nullptr && id->is_number_integer()) {
    who.id = "userid:" + id->dump();
  }
  who.node = without_trailing_dot(string_member(*node, "Name"));
  // A node whose tags cannot be read must not pass for one of a user.
  if (const Json* tags = member(*node, "Tags")) {
    who.tags = strings_member(*node, "Tags");
    if (!tags->is_array() || who.tags.size() != tags->size()) {
      return std::unexpected("has Tags that are no list of strings");
    }
  }
  if (const Json* granted = member(*document, "CapMap"); granted != nullptr && granted->is_object()) {
    for (const auto& [name, value] : granted->items()) who.capabilities.push_back(name);
  }
  return who;
}

}  // namespace evenkeel::tailnet
