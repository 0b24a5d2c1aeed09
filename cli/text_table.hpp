// Columns for people.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace evenkeel::cli {

// Each column as wide as its widest cell, two spaces between them.
class TextTable {
 public:
  using Row = std::vector<std::string>;

  explicit TextTable(Row head) { add(std::move(head)); }
  void add(Row row) {
    widths_.resize(std::max(widths_.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], row[i].size());
    rows_.push_back(std::move(row));
  }
  void print() const {
    for (const Row& row : rows_) {
      std::string line;
      for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths_[i]);
      line.erase(line.find_last_not_of(' ') + 1);
      fmt::print("{}\n", line);
    }
  }

 private:
  std::vector<Row> rows_;
  std::vector<std::size_t> widths_;
};

}  // namespace evenkeel::cli
