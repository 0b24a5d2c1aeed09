// What becomes of a request: the targets that it is sent to, and how it ends.
#include <algorithm>
#include <utility>

#include "sim/engine.hpp"

namespace evenkeel::sim {
namespace {

// A place that is free, or a new one.
template <class T>
std::uint32_t take_place(std::vector<T>& all, std::vector<std::uint32_t>& free) {
  if (free.empty()) {
    all.emplace_back();
    return static_cast<std::uint32_t>(all.size() - 1);
  }
  const std::uint32_t id = free.back();
  free.pop_back();
  return id;
}

// A target that fails or is full says so at once.
constexpr Nanos answer_time = std::chrono::microseconds(200);

}  // namespace

void Engine::begin(std::uint32_t client) {
  const RequestId id = take_place(requests_, free_requests_);
  Request& request = requests_[id];
  request.is_open = true;
  request.came = clock_.elapsed();
  request.client = client;
  request.worker = turn_++ % static_cast<std::uint32_t>(workers_.size());
  request.attempts = 0;
  request.fresh_only = false;
  request.tried_count = 0;
  workers_[request.worker]->budget.on_request(clock_.now());
  if (pick(request)) return send(id);
  if (port_.protocol != Protocol::udp) return finish(id, true, false);
  // Nobody tells its client.
  ++request.attempt;
  be_patient(id);
}

// Till then the client waits, or the proxy for it. A reload may have made some less patient than those before
// them.
void Engine::be_patient(RequestId id) {
  const Nanos patience =
      port_.protocol == Protocol::http ? Nanos(port_.http.timeouts.response) : client_patience;
  const Patience until{clock_.elapsed() + patience, id, requests_[id].attempt};
  patience_.insert(std::ranges::upper_bound(patience_, until.until, {}, &Patience::until), until);
}

bool Engine::pick(Request& request) {
  PickContext context{.exclude = std::span(request.tried).first(request.tried_count),
                      .affinity = clients_.affinity(request.client)};
  if (!cookies_.empty()) context.prefer = cookies_[request.client];
  auto lease = workers_[request.worker]->balancer.pick(context);
  if (!lease) return false;
  request.lease = *std::move(lease);
  request.target = target_of_.at(request.lease.key());
  const std::uint32_t count = ++in_flight_[request.target];
  recorder_.see_in_flight(clock_.elapsed(), request.target, count);
  return true;
}

void Engine::give_lease_back(Request& request) {
  if (!request.lease) return;
  request.lease.release();
  --in_flight_[request.target];
}

JobId Engine::make_job(RequestId id) {
  const JobId job = take_place(jobs_, free_jobs_);
  const Request& request = requests_[id];
  jobs_[job] = {id,
                request.attempt,
                static_cast<std::uint32_t>(request.target),
                servers_[request.target].generation(),
                false,
                false};
  return job;
}

void Engine::send(RequestId id) {
  Request& request = requests_[id];
  request.sent = clock_.elapsed();
  ++request.attempt;
  request.is_reused = port_.protocol == Protocol::http && !request.fresh_only && idle_of(request) != 0;
  if (request.is_reused) --idle_of(request);
  Server& server = servers_[request.target];
  const JobId job = make_job(id);
  const Server::Admission admission = server.admit(job, random_);
  if (admission.is_ended) {
    free_jobs_.push_back(job);
    timers_.add(clock_.elapsed() + answer_time,
                [this, id, attempt = request.attempt, reply = admission.reply] {
                  if (requests_[id].attempt == attempt) on_reply(id, reply);
                });
    // Nobody tells a client of udp.
    if (port_.protocol != Protocol::udp) return;
  }
  if (admission.service.count() >= 0) work(job, admission.service);
  be_patient(id);
}

void Engine::work(JobId id, Nanos service) {
  jobs_[id].is_due = true;
  done_.add(clock_.elapsed() + service, id);
}

void Engine::end_job(JobId id) {
  jobs_[id].is_due = false;
  const Job job = jobs_[id];
  Server& server = servers_[job.target];
  if (job.generation != server.generation()) {
    // A target that hangs has it still.
    if (job.is_reset) free_jobs_.push_back(id);
    return;
  }
  const Server::Next next = server.finish(id, random_);
  free_jobs_.push_back(id);
  if (next.is_any) work(next.job, next.service);
  if (requests_[job.request].attempt == job.attempt) on_reply(job.request, Reply::answered);
}

void Engine::reset_all(const std::vector<JobId>& jobs) {
  for (const JobId id : jobs) {
    jobs_[id].is_reset = true;
    const Job job = jobs_[id];
    if (!job.is_due) free_jobs_.push_back(id);
    if (requests_[job.request].attempt == job.attempt) on_reply(job.request, Reply::reset);
  }
}

void Engine::on_reply(RequestId id, Reply reply) {
  Request& request = requests_[id];
  if (reply == Reply::refused || reply == Reply::reset) {
    const Failure how = reply == Reply::refused ? Failure::refused : Failure::reset;
    return port_.protocol == Protocol::udp ? lose(id, how) : fail(id, how);
  }
  ++idle_of(request);
  request.lease.answered(std::max(waited(request), std::chrono::microseconds(1)),
                         reply == Reply::status ? AnswerKind::error : AnswerKind::good);
  request.lease.report(Outcome::success);
  if (!cookies_.empty()) cookies_[request.client] = request.lease.token();
  finish(id, reply == Reply::status, true);
}

void Engine::on_patience_over() {
  const Patience over = patience_.front();
  patience_.pop_front();
  if (requests_[over.request].attempt != over.attempt) return;
  if (port_.protocol == Protocol::http) return fail(over.request, Failure::late);
  give_up(over.request);
}

// A client of tcp or udp does, which says of the target only that it takes longer.
void Engine::give_up(RequestId id) {
  Request& request = requests_[id];
  if (request.lease) {
    if (port_.protocol == Protocol::tcp) request.lease.gave_up(waited(request), false);
    request.lease.report(Outcome::neutral);
  }
  finish(id, true, false);
}

// A datagram, of which nobody tells the client: that waits. Only an ICMP message tells the proxy.
void Engine::lose(RequestId id, Failure how) {
  if (how != Failure::refused) return;
  Request& request = requests_[id];
  request.lease.report(Outcome::failure);
  give_lease_back(request);
}

// As the HTTP proxy does: a connection that has been used before, and is reset before an answer, may have
// been about to be closed. That says nothing of the target, and the request is sent again on a fresh one.
void Engine::fail(RequestId id, Failure how) {
  Request& request = requests_[id];
  const bool is_stale = how == Failure::reset && request.is_reused;
  if (is_stale) request.fresh_only = true;
  if (!is_stale) {
    request.lease.report(Outcome::failure);
    request.lease.gave_up(waited(request));
  }
  if (how != Failure::refused) ++request.attempts;
  const TargetKey failed = request.lease.key();
  give_lease_back(request);
  if (!is_stale && request.tried_count < max_tried) request.tried[request.tried_count++] = failed;
  if (!may_retry(request, how, is_stale) || !pick(request)) return finish(id, true, false);
  const auto tried = std::span(request.tried).first(request.tried_count);
  if (how == Failure::refused && std::ranges::count(tried, request.lease.key()) != 0)
    return finish(id, true, false);
  recorder_.add_retries(clock_.elapsed(), 1);
  send(id);
}

// The rules of the HTTP proxy for a GET (docs/architecture.md, "Retries"). A TCP connection that was made is
// not made again.
bool Engine::may_retry(const Request& request, Failure how, bool is_stale) {
  if (port_.protocol == Protocol::tcp) return how == Failure::refused && request.tried_count < max_tried;
  if (clock_.elapsed() - request.came >= port_.http.timeouts.request) return false;
  if (how == Failure::refused) return request.tried_count < max_tried;
  return is_stale || (request.attempts < port_.http.retry.attempts &&
                      workers_[request.worker]->budget.try_retry(clock_.now()));
}

// Those that nobody has answered by the end have waited all the same.
void Engine::count_open() {
  for (const Request& request : requests_) {
    if (request.is_open)
      recorder_.add({request.came, clock_.elapsed() - request.came, nobody, false}, request.client);
  }
}

void Engine::finish(RequestId id, bool is_error, bool is_answered) {
  Request& request = requests_[id];
  request.is_open = false;
  give_lease_back(request);
  const std::size_t target = is_answered ? request.target : nobody;
  recorder_.add({request.came, clock_.elapsed() - request.came, target, is_error}, request.client);
  ++request.attempt;  // what still comes for it is late
  const std::uint32_t client = request.client;
  free_requests_.push_back(id);
  if (!scenario_.load.rate.empty()) return;
  const Nanos think(static_cast<Nanos::rep>(draw_exponential(random_) *
                                            static_cast<double>(Nanos(scenario_.load.think).count())));
  // A client that is refused at once does not ask again at once.
  timers_.add(clock_.elapsed() + std::max<Nanos>(think, answer_time), [this, client] { begin(client); });
}

}  // namespace evenkeel::sim
