// Bytes as a spec writes them: a string, or {"hex": "00ff"} for what is no text.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "config/fields.hpp"

namespace evenkeel::config {

inline constexpr std::size_t max_payload = 4'096;

struct Payload {
  std::string bytes;
};
std::span<const Field<Payload>> payload_fields() noexcept;

// nullopt after a mistake.
std::optional<std::string> read_payload(const Cursor& at);

}  // namespace evenkeel::config
