#include "live/live_target.hpp"

#include <utility>

#include "live/datagram_target.hpp"
#include "live/stream_target.hpp"

namespace evenkeel::live {

LiveTarget::LiveTarget(const Setting& setting)
    : loop_(setting.loop),
      index_(setting.index),
      timers_(setting.timers),
      random_(setting.seed),
      busy_(setting.busy),
      server_(setting.spec) {}

void LiveTarget::work(AskerId asker) {
  const sim::JobId job = next_job_++;
  const sim::Server::Admission admission = server_.admit(job, random_);
  if (admission.is_ended) return admission.reply == sim::Reply::status ? answer(asker, true) : cut(asker);
  jobs_[job].asker = asker;
  busy_(++in_flight_);
  if (admission.service.count() >= 0) plan(job, admission.service);
}

void LiveTarget::plan(sim::JobId job, sim::Nanos service) {
  jobs_.at(job).is_due = true;
  timers_.add(timers_.elapsed() + service,
              [this, job, generation = server_.generation()] { end_job(job, generation); });
}

void LiveTarget::end_job(sim::JobId id, std::uint32_t generation) {
  Job& job = jobs_.at(id);
  job.is_due = false;
  if (generation != server_.generation()) {
    // A target that hangs has it still.
    if (job.is_reset) jobs_.erase(id);
    return;
  }
  --in_flight_;
  const AskerId asker = job.asker;
  jobs_.erase(id);
  const sim::Server::Next next = server_.finish(id, random_);
  if (next.is_any) plan(next.job, next.service);
  answer(asker, false);
}

void LiveTarget::reset_all(const std::vector<sim::JobId>& jobs) {
  for (const sim::JobId id : jobs) {
    Job& job = jobs_.at(id);
    job.is_reset = true;
    --in_flight_;
    cut(job.asker);
    if (!job.is_due) jobs_.erase(id);
  }
}

void LiveTarget::apply(const SimEvent& event) {
  reset_all(server_.apply(event));
  if (event.action == SimAction::kill && std::exchange(is_up_, false)) close();
  // It is its own port, which nobody else has meanwhile asked for.
  if (event.action == SimAction::start && !std::exchange(is_up_, true)) (void)listen();
}

std::unique_ptr<LiveTarget> make_target(const LiveTarget::Setting& setting) {
  if (setting.port.protocol == Protocol::udp) return std::make_unique<DatagramTarget>(setting);
  return std::make_unique<StreamTarget>(setting);
}

}  // namespace evenkeel::live
