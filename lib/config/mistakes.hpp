// Every mistake of a spec, and where it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/config.hpp"

namespace evenkeel::config {

// A key as part of a JSON pointer: RFC 6901, section 3.
std::string pointer_token(std::string_view key);

// One value of the document: its pointer, and its position among the others.
struct Place {
  std::string pointer;               // RFC 6901
  std::vector<std::uint32_t> order;  // the index at each level; sorts as the document does

  // The member or element that is `index`th in its container.
  [[nodiscard]] Place member(std::string_view key, std::size_t index) const;
  [[nodiscard]] Place element(std::size_t index) const;
};

// Mistakes come in the order in which the reader finds them; a person wants them in the order of the
// file.
class Mistakes {
 public:
  void add(const Place& place, std::string problem, std::string expected);
  [[nodiscard]] bool empty() const noexcept { return found_.empty(); }
  // In document order; what holds others comes before what it holds. One that several ports found in what
  // they inherit is told once.
  [[nodiscard]] std::vector<SpecError> take() &&;

 private:
  struct Found {
    std::vector<std::uint32_t> order;
    SpecError error;
  };
  std::vector<Found> found_;
};

}  // namespace evenkeel::config
