// A target that is made of numbers: what it does with requests, well or not.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "evenkeel/scenario.hpp"

#include "base/random.hpp"
#include "sim/sim_time.hpp"

namespace evenkeel::sim {

using JobId = std::uint32_t;

// How work on a target ended.
enum class Reply : std::uint8_t {
  answered,
  status,   // 5xx: an error for the client, and a target that speaks
  refused,  // no connection
  reset,
};

// Works on so many requests at once, keeps others waiting in order, refuses the rest. What a client has given
// up on is worked on all the same: nobody tells the target.
class Server {
 public:
  struct Admission {
    bool is_ended = false;  // at once, and how
    Reply reply = Reply::answered;
    Nanos service{-1};  // begins now; or, when negative, waits or hangs
  };

  explicit Server(const SimTarget& spec) : spec_(spec) {}

  Admission admit(JobId job, base::Random& random);
  // A job of this generation has been worked on; gives the one that begins now, if any.
  struct Next {
    bool is_any = false;
    JobId job = 0;
    Nanos service{0};
  };
  Next finish(JobId job, base::Random& random);

  // What happens to the target itself; nothing, where an event is the pool's. Gives what is reset.
  [[nodiscard]] std::vector<JobId> apply(const SimEvent& event);

  // Grows whenever what is under way will not end as it was to.
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
  // What a check sees; nothing while it hangs.
  enum class Check : std::uint8_t { pass, fail, silence };
  [[nodiscard]] Check check() const noexcept;

 private:
  [[nodiscard]] Nanos work(base::Random& random) const noexcept;
  [[nodiscard]] std::vector<JobId> kill();
  [[nodiscard]] std::vector<JobId> start();
  void hang();
  [[nodiscard]] std::vector<JobId> take_all();

  const SimTarget& spec_;
  bool is_up_ = true;
  bool is_hanging_ = false;
  bool fails_checks_ = false;
  double slow_ = 1;
  double failing_ = 0;
  Reply how_failing_ = Reply::status;
  std::uint32_t generation_ = 0;
  std::vector<JobId> running_;
  std::deque<JobId> waiting_;
};

}  // namespace evenkeel::sim
