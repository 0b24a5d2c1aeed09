// What was read, or why it could not be.
#pragma once

#include <expected>
#include <string_view>

namespace evenkeel::base {

// The reasons are predicates of static storage, made to follow a subject: "has no port".
template <class T>
using OrReason = std::expected<T, std::string_view>;

}  // namespace evenkeel::base
