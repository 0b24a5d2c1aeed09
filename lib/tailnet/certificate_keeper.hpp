// The certificate of one domain, from tailscaled, renewed in time.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include <uv.h>

#include "evenkeel/log.hpp"
#include "evenkeel/tls.hpp"

#include "net/uv_handle.hpp"
#include "tailnet/backoff.hpp"
#include "tailnet/local.hpp"

namespace evenkeel::tailnet {

struct CertificateKeeperOptions {
  std::chrono::milliseconds check;
  std::chrono::hours validity;
  std::chrono::milliseconds timeout;
  Backoff backoff;
};

// First takes whatever tailscaled has that is not out of date, so that a port opens also when the authority
// is down; from then on one that lasts. Failures are logged, and tried again: not before the time that
// a 429 names.
//
// Thread rule: the loop's thread.
class CertificateKeeper {
 public:
  // A certificate that is not the one before.
  using Got = std::function<void(const CertificatePem&)>;

  // `log` outlives it.
  CertificateKeeper(const LocalApi& api, std::string domain, Got got, LogSink& log,
                    CertificateKeeperOptions options);

  [[nodiscard]] const std::string& domain() const noexcept { return domain_; }
  [[nodiscard]] const CertificatePem& pem() const noexcept { return pem_; }  // empty: none yet

 private:
  void ask();
  void on_answer(LocalResult<LocalResponse> result);
  void fail(const std::string& reason, std::chrono::milliseconds least);
  void ask_after(std::chrono::milliseconds wait);

  LocalApi api_;
  std::string domain_;
  Got got_;
  LogSink& log_;
  CertificateKeeperOptions options_;
  CertificatePem pem_;
  LocalCall call_;
  net::UvHandle<uv_timer_t> timer_;
};

}  // namespace evenkeel::tailnet
