#include "sim/server.hpp"

#include <algorithm>
#include <utility>

#include "sim/draws.hpp"

namespace evenkeel::sim {

Nanos Server::work(base::Random& random) const noexcept {
  const double nanos = static_cast<double>(draw(spec_.service, random).count()) * slow_;
  return Nanos(static_cast<Nanos::rep>(std::min(nanos, 1e18)));
}

Server::Admission Server::admit(JobId job, base::Random& random) {
  if (!is_up_) return {.is_ended = true, .reply = Reply::refused};
  if (failing_ > 0 && random.unit() < failing_) return {.is_ended = true, .reply = how_failing_};
  if (running_.size() < spec_.concurrency) {
    running_.push_back(job);
    return {.service = is_hanging_ ? Nanos(-1) : work(random)};
  }
  if (waiting_.size() >= spec_.queue) return {.is_ended = true, .reply = Reply::status};
  waiting_.push_back(job);
  return {};
}

Server::Next Server::finish(JobId job, base::Random& random) {
  const auto found = std::ranges::find(running_, job);
  if (waiting_.empty()) {
    *found = running_.back();
    running_.pop_back();
    return {};
  }
  *found = waiting_.front();
  waiting_.pop_front();
  return {.is_any = true, .job = *found, .service = work(random)};
}

std::vector<JobId> Server::take_all() {
  ++generation_;
  std::vector<JobId> all = std::exchange(running_, {});
  all.insert(all.end(), waiting_.begin(), waiting_.end());
  waiting_.clear();
  return all;
}

std::vector<JobId> Server::kill() {
  is_up_ = false;
  is_hanging_ = false;
  return take_all();
}

// One that hung or was killed has no memory of before; one that was slow goes on with what it has.
std::vector<JobId> Server::start() {
  slow_ = 1;
  failing_ = 0;
  fails_checks_ = false;
  is_up_ = true;
  return std::exchange(is_hanging_, false) ? take_all() : std::vector<JobId>();
}

void Server::hang() {
  is_hanging_ = true;
  ++generation_;
}

std::vector<JobId> Server::apply(const SimEvent& event) {
  switch (event.action) {
    case SimAction::kill:
      return kill();
    case SimAction::start:
      return start();
    case SimAction::hang:
      hang();
      break;
    case SimAction::slow:
      slow_ = event.amount;
      break;
    case SimAction::fail:
    case SimAction::reset:
      failing_ = event.amount;
      how_failing_ = event.action == SimAction::fail ? Reply::status : Reply::reset;
      break;
    case SimAction::fail_checks:
      fails_checks_ = true;
      break;
    default:
      break;
  }
  return {};
}

Server::Check Server::check() const noexcept {
  if (!is_up_ || fails_checks_) return Check::fail;
  return is_hanging_ ? Check::silence : Check::pass;
}

}  // namespace evenkeel::sim
