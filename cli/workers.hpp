// All workers of the process, asked as one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <uv.h>

#include "evenkeel/error.hpp"
#include "evenkeel/listening_sockets.hpp"
#include "evenkeel/log.hpp"

#include "mailbox.hpp"
#include "worker.hpp"

namespace evenkeel::cli {

// Thread rule: the control loop's. The callbacks come from that loop, and may ask for more.
// Lifetime: the loop runs until `closed`; the log outlives it.
class Workers {
 public:
  struct Events {
    // Every worker has answered: each accepts, or the error of one that does not.
    std::function<void(Slot, const Result<void>&)> opened;
    std::function<void(Slot, const Error&)> not_attached;
    std::function<void(Slot, const Error&)> not_replaced;
    std::function<void(Slot)> gone;  // in every worker
    std::function<void()> drained;   // every one
    std::function<void()> closed;    // every one
  };

  Workers(uv_loop_t* loop, LogSink& log, std::uint64_t seed);
  ~Workers();  // joins them
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Once. On failure some may run: close() all the same.
  Result<void> start(unsigned count, Events events);
  [[nodiscard]] std::size_t size() const noexcept { return workers_.size(); }

  [[nodiscard]] Slot add(const WorkerPort& port);
  void open(Slot slot, const ListenAddress& address);
  // Sockets that somebody has made to listen already, shared out among the workers.
  void adopt(Slot slot, ListeningSockets sockets, Transport transport);
  void attach(std::size_t worker, Slot slot, int descriptor, std::uint16_t port_offset);
  void replace(Slot slot, const WorkerPort& port);
  void remove(Slot slot, std::chrono::milliseconds patience);
  void wake(Slot slot);
  void cut(Slot slot, TargetKey target);
  // `told` comes with the stats of every worker; not when the workers close before.
  void collect(std::function<void(std::vector<WorkerStats>)> told);
  void drain();
  // `closed` comes also when there is none.
  void close();

 private:
  struct Asked {
    std::size_t answers = 0;  // that are due
    std::optional<Error> failure = {};
  };
  void on_report(const WorkerReport& report);
  void on_stats(const WorkerStats& stats);
  void on_opened(Slot slot, const std::optional<Error>& failure);

  uv_loop_t* const loop_;
  LogSink& log_;
  const std::uint64_t seed_;
  Events events_;
  Mailbox<WorkerReport> reports_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::map<Slot, Asked> opening_;
  std::map<Slot, std::size_t> leaving_;  // and how many workers still have it
  // Who waits for stats; they share the answers to come.
  std::vector<std::function<void(std::vector<WorkerStats>)>> waiting_;
  std::vector<WorkerStats> collected_;
  Slot next_ = 0;
  std::size_t draining_ = 0;
  std::size_t closing_ = 0;
  bool is_open_ = false;
};

}  // namespace evenkeel::cli
