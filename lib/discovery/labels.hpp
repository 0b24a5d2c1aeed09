// The labels of one container that are for us.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "discovery/container.hpp"

namespace evenkeel::discovery {

// "tsdproxy.X" and "evenkeel.X" by X; where both are there, evenkeel's counts.
class Labels {
 public:
  struct Label {
    std::string name;  // with its prefix
    std::string value;
    bool is_ours = false;
  };

  explicit Labels(const Container& container);

  [[nodiscard]] const Label* find(std::string_view key) const;
  [[nodiscard]] std::string value_or(std::string_view key, std::string_view otherwise) const;
  // What is no flag says nothing.
  [[nodiscard]] bool is_on(std::string_view key, bool otherwise) const;
  [[nodiscard]] const std::map<std::string, Label, std::less<>>& all() const noexcept { return all_; }

 private:
  std::map<std::string, Label, std::less<>> all_;
};

}  // namespace evenkeel::discovery
