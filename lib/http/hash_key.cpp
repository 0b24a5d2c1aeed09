#include "http/hash_key.hpp"

#include "http/cookie.hpp"

namespace evenkeel::http {

std::string_view hash_key_of(const HashKey& key, const RequestHead& head, const FieldList& fields) noexcept {
  switch (key.by) {
    case HashKey::By::ip:
      return {};
    case HashKey::By::uri:
      return head.path;
    case HashKey::By::cookie:
      return find_cookie(fields, key.name);
    case HashKey::By::header:
      for (const Field& field : fields.all()) {
        if (equals_ignoring_case(field.name, key.name)) return field.value;
      }
      return {};
  }
  return {};
}

}  // namespace evenkeel::http
