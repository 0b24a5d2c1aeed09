#include "tailnet/node_certificate.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "tailnet/certificate_pair.hpp"

namespace evenkeel::tailnet {
NodeCertificate::NodeCertificate(uv_loop_t* loop, const TailnetNodeOptions& options, LogSink& log, Ask ask)
    : options_(options),
      log_(log),
      ask_(std::move(ask)),
      backoff_(options.first_cert_retry, options.last_cert_retry),
      timer_(net::make_handle<uv_timer_t>(uv_timer_init, loop)) {
  if (!timer_) throw std::bad_alloc();
  timer_->data = this;
}

void NodeCertificate::close() noexcept {
  timer_.reset();
  ports_.clear();
  domain_.clear();
}

void NodeCertificate::serve(std::shared_ptr<TlsServer> server, std::function<void()> ready) {
  ports_.push_back({std::move(server), std::move(ready)});
  is_wanted_ = true;
  if (lacks_https_ && ports_.size() == 1) tell_of_no_https();
  fetch_in(std::chrono::milliseconds(0));
}

void NodeCertificate::forget(const TlsServer& server) noexcept {
  std::erase_if(ports_, [&](const Port& port) { return port.server.get() == &server; });
}

// Told again with each change of the node: what is fresh is not asked for again.
void NodeCertificate::on_running(const std::vector<std::string>& domains) {
  const std::string domain = domains.empty() ? std::string() : domains.front();
  if (domain.empty()) {
    domain_.clear();
    if (!std::exchange(lacks_https_, true) && !ports_.empty()) tell_of_no_https();
    return;
  }
  lacks_https_ = false;
  if (std::exchange(domain_, domain) == domain || ports_.empty()) return;
  is_wanted_ = true;  // an answer under way is for another name
  fetch_in(std::chrono::milliseconds(0));
}

void NodeCertificate::on_down() noexcept {
  domain_.clear();
  is_asked_ = false;
}

void NodeCertificate::tell_of_no_https() {
  say(LogLevel::error, "tailnet_no_certificate",
      "the tailnet gives no certificates: turn on HTTPS in its admin console, under DNS");
}

void NodeCertificate::fetch_in(std::chrono::milliseconds delay) {
  if (!timer_) return;
  uv_timer_start(
      timer_.get(),
      [](uv_timer_t* timer) {
        if (timer->data != nullptr) static_cast<NodeCertificate*>(timer->data)->fetch();
      },
      static_cast<std::uint64_t>(delay.count()), 0);
}

// With a question under way nothing is lost: its answer sees who wants it.
void NodeCertificate::fetch() {
  if (domain_.empty() || is_asked_ || ports_.empty()) return;
  const int asked = ask_(++last_id_, domain_);
  if (asked < 0) return on_failure("the node takes no question", std::chrono::milliseconds(0));
  is_asked_ = true;
  is_wanted_ = false;
}

void NodeCertificate::on_answer(const NodeEvent& event) {
  if (event.id != last_id_ || !std::exchange(is_asked_, false)) return;
  if (!event.error.empty()) return on_failure(event.error, event.retry_after);
  const base::OrReason<CertificatePem> pem = split_pair(event.text);
  if (!pem) return on_failure("the node's answer " + std::string(pem.error()), std::chrono::milliseconds(0));
  show(*pem);
}

void NodeCertificate::show(const CertificatePem& certificate) {
  bool changed = false;
  std::vector<std::function<void()>> ready;
  for (Port& port : ports_) {
    const auto replaced = port.server->replace({certificate});
    if (!replaced) return on_failure(replaced.error(), std::chrono::milliseconds(0));
    changed = changed || *replaced;
    if (port.ready) ready.push_back(std::exchange(port.ready, nullptr));
  }
  backoff_.reset();
  if (changed) {
    std::string lines;
    for (const std::string& line : ports_.front().server->describe())
      lines.append(lines.empty() ? "" : "; ").append(line);
    const std::array<LogField, 2> fields{{{"node", options_.spec.hostname}, {"certificate", lines}}};
    log_.log(LogLevel::info, "tailnet_certificate", fields);
  }
  fetch_in(is_wanted_ ? std::chrono::milliseconds(0) : options_.renew);
  for (const auto& tell : ready) tell();
}

void NodeCertificate::on_failure(std::string_view reason, std::chrono::milliseconds at_least) {
  say(LogLevel::warning, "tailnet_certificate_failed", reason);
  fetch_in(std::max(backoff_.next(), at_least));
}

void NodeCertificate::say(LogLevel level, std::string_view event, std::string_view reason) {
  const std::array<LogField, 2> fields{{{"node", options_.spec.hostname}, {"reason", reason}}};
  log_.log(level, event, fields);
}

}  // namespace evenkeel::tailnet
