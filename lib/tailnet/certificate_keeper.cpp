#include "tailnet/certificate_keeper.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "tailnet/certificate_pair.hpp"

namespace evenkeel::tailnet {

using std::chrono::milliseconds;
using std::chrono::seconds;

CertificateKeeper::CertificateKeeper(const LocalApi& api, std::string domain, Got got, LogSink& log,
                                     CertificateKeeperOptions options)
    : api_(api),
      domain_(std::move(domain)),
      got_(std::move(got)),
      log_(log),
      options_(options),
      timer_(net::make_handle<uv_timer_t>(uv_timer_init, api.loop())) {
  timer_->data = this;
  ask();
}

void CertificateKeeper::ask() {
  std::string path = "/localapi/v0/cert/" + domain_ + "?type=pair";
  if (!pem_.chain.empty()) path += "&min_validity=" + std::to_string(options_.validity.count()) + "h";
  call_ = api_.send({.path = std::move(path), .timeout = options_.timeout},
                    [this](LocalResult<LocalResponse> result) { on_answer(std::move(result)); });
}

void CertificateKeeper::on_answer(LocalResult<LocalResponse> result) {
  if (!result) return fail(result.error().text, {});
  if (result->status != 200) {
    return fail(unexpected_status(api_.options(), "cert", *result).text,
                result->retry_after.value_or(seconds(0)));
  }
  base::OrReason<CertificatePem> pem = split_pair(result->body);
  if (!pem) return fail("tailscaled's answer " + std::string(pem.error()), {});
  options_.backoff.reset();
  const bool first = pem_.chain.empty();
  const bool changed = pem_ != *pem;
  pem_ = *std::move(pem);
  // What it had may be about to expire: the next question is for one that lasts.
  ask_after(first ? std::min<milliseconds>(options_.check, seconds(60)) : options_.check);
  if (changed) got_(pem_);
}

void CertificateKeeper::fail(const std::string& reason, milliseconds least) {
  const milliseconds wait = std::max(options_.backoff.next(), least);
  const std::string retry = std::to_string(std::chrono::ceil<seconds>(wait).count()) + "s";
  const std::array<LogField, 4> fields{{{"domain", domain_},
                                        {"reason", reason},
                                        {"retry_in", retry},
                                        {"kept", pem_.chain.empty() ? "none" : "the one before"}}};
  log_.log(LogLevel::warning, "tailnet_certificate_failed", fields);
  ask_after(wait);
}

void CertificateKeeper::ask_after(milliseconds wait) {
  uv_update_time(api_.loop());
  uv_timer_start(
      timer_.get(),
      [](uv_timer_t* timer) {
        if (timer->data != nullptr) static_cast<CertificateKeeper*>(timer->data)->ask();
      },
      static_cast<std::uint64_t>(wait.count()), 0);
}

}  // namespace evenkeel::tailnet
