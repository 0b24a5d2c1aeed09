#include "discovery/labels.hpp"

#include <utility>

#include "discovery/label_values.hpp"

namespace evenkeel::discovery {

Labels::Labels(const Container& container) {
  for (const auto& [prefix, is_ours] :
       {std::pair{std::string_view("tsdproxy."), false}, {"evenkeel.", true}}) {
    for (const auto& [name, value] : container.labels) {
      if (name.starts_with(prefix))
        all_.insert_or_assign(name.substr(prefix.size()), Label{name, value, is_ours});
    }
  }
}

const Labels::Label* Labels::find(std::string_view key) const {
  const auto found = all_.find(key);
  return found == all_.end() ? nullptr : &found->second;
}

std::string Labels::value_or(std::string_view key, std::string_view otherwise) const {
  const Label* const label = find(key);
  return label == nullptr ? std::string(otherwise) : label->value;
}

bool Labels::is_on(std::string_view key, bool otherwise) const {
  const Label* const label = find(key);
  return label == nullptr ? otherwise : read_flag(label->value).value_or(otherwise);
}

}  // namespace evenkeel::discovery
