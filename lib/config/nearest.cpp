#include "config/nearest.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace evenkeel::config {
namespace {

constexpr std::size_t max_word = 32;  // longer than any key or name that could be meant

char small(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Optimal string alignment: three rows of the usual table, for the swap looks two rows back.
std::size_t distance(std::string_view a, std::string_view b) noexcept {
  using Row = std::array<std::size_t, max_word + 1>;
  Row before_last{};
  Row last{};
  Row row{};
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = small(a[i - 1]) == small(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped =
          i > 1 && j > 1 && small(a[i - 1]) == small(b[j - 2]) && small(a[i - 2]) == small(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

// Short words are near to everything, so they may differ by less.
std::size_t tolerance(std::string_view word) noexcept {
  if (word.size() <= 3) return 1;
  return word.size() <= 6 ? 2 : 3;
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) noexcept {
  if (word.empty() || word.size() > max_word) return {};
  std::string_view best;
  std::size_t best_distance = tolerance(word) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > max_word) continue;
    const std::size_t d = distance(word, candidate);
    // A distance of the whole word would say that "x" looks like "y".
    if (d >= best_distance || d >= candidate.size()) continue;
    best = candidate;
    best_distance = d;
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string_view near = nearest(word, candidates);
  if (near.empty()) return {};
  return " (did you mean \"" + std::string(near) + "\"?)";
}

std::string one_of(std::span<const std::string_view> candidates) {
  std::string text = candidates.size() > 1 ? "one of " : "";
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (i > 0) text += ", ";
    text += '"';
    text += candidates[i];
    text += '"';
  }
  return text;
}

}  // namespace evenkeel::config
