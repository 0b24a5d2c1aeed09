// What the active checks of one target say about it.
#pragma once

#include <cstdint>
#include <optional>

namespace evenkeel::health {

enum class Verdict : std::uint8_t { none, up, down };

// The first result decides at once, so that a starting proxy neither trusts a dead target nor keeps
// a good one waiting; after that it takes `rise` or `fall` results in a row to change the verdict, so
// that one lost packet moves no traffic.
class CheckState {
 public:
  // Zero counts as one.
  CheckState(unsigned rise, unsigned fall) noexcept;

  // Takes one result; the new verdict when it changed. `lagged`: our own loop was too late for the
  // result to mean anything. Such a failure is forgotten, it neither counts nor breaks a row; a pass
  // is a pass, however late we read it.
  std::optional<Verdict> record(bool passed, bool lagged) noexcept;

  [[nodiscard]] Verdict verdict() const noexcept { return verdict_; }

 private:
  unsigned rise_;
  unsigned fall_;
  unsigned contrary_ = 0;  // results in a row that contradict the verdict
  Verdict verdict_ = Verdict::none;
};

}  // namespace evenkeel::health
