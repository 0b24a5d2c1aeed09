#include "live/live_target.hpp"

#include <utility>

#include <fmt/format.h>

#include "http/head_scanner.hpp"

namespace evenkeel::live {

LiveTarget::LiveTarget(uv_loop_t* loop, const SimTarget& spec, std::size_t index, std::string check_path,
                       FineTimers& timers, std::uint64_t seed, Busy busy)
    : loop_(loop),
      index_(index),
      check_path_(std::move(check_path)),
      timers_(timers),
      random_(seed),
      busy_(std::move(busy)),
      server_(spec) {}

Result<void> LiveTarget::listen() {
  const auto fail = [](int code) {
    return std::unexpected(Error{ErrorCode::system, Fault::us, false, -code});
  };
  listener_ = net::make_handle<uv_tcp_t>(uv_tcp_init, loop_);
  if (!listener_) return fail(0);
  listener_->data = this;
  sockaddr_in address{};
  uv_ip4_addr("127.0.0.1", port_, &address);
  int failed = uv_tcp_bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), 0);
  constexpr int backlog = 1'024;
  if (failed == 0) {
    failed = uv_listen(reinterpret_cast<uv_stream_t*>(listener_.get()), backlog,
                       [](uv_stream_t* listener, int status) {
                         if (status == 0 && listener->data != nullptr)
                           static_cast<LiveTarget*>(listener->data)->accept();
                       });
  }
  int length = sizeof address;
  if (failed == 0)
    failed = uv_tcp_getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length);
  if (failed != 0) return fail(failed);
  port_ = ntohs(address.sin_port);
  return {};
}

void LiveTarget::accept() {
  auto connection = std::make_unique<Connection>(loop_);
  Stream& stream = connection->stream;
  if (stream.handle() == nullptr) return;
  if (uv_accept(reinterpret_cast<uv_stream_t*>(listener_.get()),
                reinterpret_cast<uv_stream_t*>(stream.handle())) != 0)
    return;
  const std::uint64_t id = next_connection_++;
  if (!stream.start({[this, id] { read(id); }, [this, id] { connections_.erase(id); }})) return;
  connections_.emplace(id, std::move(connection));
}

// The proxy sends the next request only when the last one was answered; a GET has no body.
void LiveTarget::read(std::uint64_t id) {
  Stream& stream = connections_.at(id)->stream;
  http::HeadScanner scanner;
  const auto state = scanner.scan(stream.received());
  if (state == http::HeadScanner::State::bad) return cut(id);
  if (state == http::HeadScanner::State::incomplete) return;
  const bool is_check = !check_path_.empty() && stream.received().starts_with("GET " + check_path_ + ' ');
  stream.consume(scanner.length());
  if (is_check) return answer_check(stream);
  work(id);
}

void LiveTarget::answer_check(Stream& stream) {
  switch (server_.check()) {
    case sim::Server::Check::pass:
      return stream.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    case sim::Server::Check::fail:
      return stream.write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    case sim::Server::Check::silence:
      return;
  }
}

void LiveTarget::work(std::uint64_t id) {
  const sim::JobId job = next_job_++;
  const sim::Server::Admission admission = server_.admit(job, random_);
  if (admission.is_ended) return admission.reply == sim::Reply::status ? reply(id, 503) : cut(id);
  jobs_[job].connection = id;
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
  const std::uint64_t connection = job.connection;
  jobs_.erase(id);
  const sim::Server::Next next = server_.finish(id, random_);
  if (next.is_any) plan(next.job, next.service);
  reply(connection, 200);
}

// Nothing, where whoever asked has gone.
void LiveTarget::reply(std::uint64_t id, int status) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const std::string_view reason = status == 200 ? "OK" : "Service Unavailable";
  found->second->stream.write(
      fmt::format("HTTP/1.1 {} {}\r\nContent-Length: 2\r\nX-Target: {}\r\n\r\nok", status, reason, index_));
}

void LiveTarget::cut(std::uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  found->second->stream.reset();
  connections_.erase(found);
}

void LiveTarget::reset_all(const std::vector<sim::JobId>& jobs) {
  for (const sim::JobId id : jobs) {
    Job& job = jobs_.at(id);
    job.is_reset = true;
    --in_flight_;
    cut(job.connection);
    if (!job.is_due) jobs_.erase(id);
  }
}

void LiveTarget::apply(const SimEvent& event) {
  switch (event.action) {
    case SimAction::kill:
      listener_.reset();
      reset_all(server_.kill());
      while (!connections_.empty()) cut(connections_.begin()->first);
      break;
    case SimAction::start:
      reset_all(server_.start());
      // It is its own port, which nobody else has meanwhile asked for.
      if (!listener_) (void)listen();
      break;
    case SimAction::hang:
      server_.hang();
      break;
    case SimAction::slow:
      server_.set_slow(event.amount);
      break;
    case SimAction::fail:
      server_.set_failing(event.amount, sim::Reply::status);
      break;
    case SimAction::reset:
      server_.set_failing(event.amount, sim::Reply::reset);
      break;
    case SimAction::fail_checks:
      server_.fail_checks();
      break;
    default:
      break;
  }
}

void LiveTarget::close() {
  listener_.reset();
  connections_.clear();
}

}  // namespace evenkeel::live
