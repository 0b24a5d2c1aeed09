#include "config/mistakes.hpp"

#include <algorithm>
#include <utility>

namespace evenkeel::config {
std::string pointer_token(std::string_view key) {
  std::string token;
  for (const char c : key) {
    if (c == '~') {
      token += "~0";
    } else if (c == '/') {
      token += "~1";
    } else {
      token += c;
    }
  }
  return token;
}

Place Place::member(std::string_view key, std::size_t index) const {
  Place place = *this;
  place.pointer += '/' + pointer_token(key);
  place.order.push_back(static_cast<std::uint32_t>(index));
  return place;
}

Place Place::element(std::size_t index) const {
  return member(std::to_string(index), index);
}

void Mistakes::add(const Place& place, std::string problem, std::string expected) {
  found_.push_back({place.order, {place.pointer, std::move(problem), std::move(expected)}});
}

std::vector<SpecError> Mistakes::take() && {
  std::ranges::stable_sort(found_, {}, &Found::order);
  std::vector<SpecError> errors;
  errors.reserve(found_.size());
  std::size_t here = 0;  // the first of those at the same place
  for (Found& found : found_) {
    if (errors.empty() || errors.back().pointer != found.error.pointer) here = errors.size();
    const auto same = [&](const SpecError& other) {
      return other.problem == found.error.problem && other.expected == found.error.expected;
    };
    if (std::any_of(errors.begin() + static_cast<std::ptrdiff_t>(here), errors.end(), same)) continue;
    errors.push_back(std::move(found.error));
  }
  found_.clear();
  return errors;
}

}  // namespace evenkeel::config
