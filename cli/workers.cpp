#include "workers.hpp"

#include <utility>

namespace evenkeel::cli {

Workers::Workers(uv_loop_t* loop, LogSink& log, std::uint64_t seed) : loop_(loop), log_(log), seed_(seed) {}

Workers::~Workers() = default;

Result<void> Workers::start(unsigned count, Events events) {
  events_ = std::move(events);
  if (const int failed = reports_.open(loop_, [this](const WorkerReport& report) { on_report(report); });
      failed != 0) {
    return std::unexpected(Error{ErrorCode::system, Fault::us, false, -failed});
  }
  is_open_ = true;
  for (unsigned i = 0; i < count; ++i) {
    auto worker = std::make_unique<Worker>(StrategyArgs{seed_, i}, log_,
                                           [this](WorkerReport report) { reports_.post(std::move(report)); });
    if (const auto started = worker->start(); !started) return started;
    workers_.push_back(std::move(worker));
  }
  return {};
}

Slot Workers::add(const WorkerPort& port) {
  const Slot slot = next_++;
  for (const auto& worker : workers_) worker->add(slot, port);
  return slot;
}

void Workers::open(Slot slot, const ListenAddress& address) {
  opening_[slot] = {workers_.size()};
  for (const auto& worker : workers_) worker->open(slot, address);
}

void Workers::adopt(Slot slot, ListeningSockets sockets, Transport transport) {
  std::vector<std::shared_ptr<ListeningSockets>> shares(workers_.size());
  for (auto& share : shares) share = std::make_shared<ListeningSockets>();
  std::map<std::uint16_t, std::vector<ListeningSocket>> by_offset;
  for (const ListeningSocket& socket : sockets.take()) by_offset[socket.offset].push_back(socket);
  for (const auto& [offset, all] : by_offset) {
    for (std::size_t i = 0; i < all.size(); ++i) shares[i % shares.size()]->add(all[i]);
    // With more workers than sockets some share one: a connection goes to whoever is first. The datagrams of
    // a client must all be one worker's.
    if (transport == Transport::datagram) continue;
    for (std::size_t i = all.size(); i < shares.size(); ++i) (void)shares[i]->add_copy(all[i % all.size()]);
  }
  opening_[slot] = {workers_.size()};
  for (std::size_t i = 0; i < shares.size(); ++i) workers_[i]->adopt(slot, std::move(shares[i]));
}

void Workers::attach(std::size_t worker, Slot slot, int descriptor, std::uint16_t port_offset) {
  workers_[worker]->attach(slot, descriptor, port_offset);
}

void Workers::replace(Slot slot, const WorkerPort& port) {
  for (const auto& worker : workers_) worker->replace(slot, port);
}

void Workers::remove(Slot slot, std::chrono::milliseconds patience) {
  leaving_[slot] = workers_.size();
  for (const auto& worker : workers_) worker->remove(slot, patience);
}

void Workers::wake(Slot slot) {
  for (const auto& worker : workers_) worker->wake(slot);
}

void Workers::cut(Slot slot, TargetKey target) {
  for (const auto& worker : workers_) worker->cut(slot, target);
}

void Workers::collect(std::function<void(std::vector<WorkerStats>)> told) {
  waiting_.push_back(std::move(told));
  if (waiting_.size() > 1) return;
  collected_.clear();
  for (const auto& worker : workers_) worker->report_stats();
}

void Workers::on_stats(const WorkerStats& stats) {
  collected_.push_back(stats);
  if (collected_.size() < workers_.size()) return;
  const auto waiting = std::exchange(waiting_, {});
  for (const auto& told : waiting) told(collected_);
}

void Workers::drain() {
  draining_ = workers_.size();
  for (const auto& worker : workers_) worker->drain();
}

void Workers::close() {
  if (!is_open_) return events_.closed ? events_.closed() : void();
  closing_ = workers_.size();
  for (const auto& worker : workers_) worker->close();
  if (workers_.empty()) on_report({WorkerReport::Kind::closed});
}

void Workers::on_report(const WorkerReport& report) {
  using Kind = WorkerReport::Kind;
  switch (report.kind) {
    case Kind::opened:
      return on_opened(report.slot, std::nullopt);
    case Kind::not_opened:
      return on_opened(report.slot, report.error);
    case Kind::not_attached:
      return events_.not_attached(report.slot, report.error);
    case Kind::not_replaced:
      return events_.not_replaced(report.slot, report.error);
    case Kind::gone: {
      const auto found = leaving_.find(report.slot);
      if (found == leaving_.end() || --found->second != 0) return;
      leaving_.erase(found);
      return events_.gone(report.slot);
    }
    case Kind::stats:
      return on_stats(*report.stats);
    case Kind::drained:
      if (--draining_ == 0) events_.drained();
      return;
    case Kind::closed:
      if (closing_ > 1) {
        --closing_;
        return;
      }
      is_open_ = false;
      reports_.close();
      return events_.closed();
  }
}

void Workers::on_opened(Slot slot, const std::optional<Error>& failure) {
  const auto found = opening_.find(slot);
  if (found == opening_.end()) return;
  Asked& asked = found->second;
  if (failure && !asked.failure) asked.failure = failure;
  if (--asked.answers != 0) return;
  const Result<void> result = asked.failure ? Result<void>(std::unexpected(*asked.failure)) : Result<void>();
  opening_.erase(found);
  events_.opened(slot, result);
}

}  // namespace evenkeel::cli
