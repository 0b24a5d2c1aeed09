#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <utility>

#include "evenkeel/tailnet.hpp"

#include "net/uv_handle.hpp"
#include "tailnet/certificate_keeper.hpp"
#include "tailnet/node_watch.hpp"
#include "tailnet/service_advert.hpp"
#include "tailnet/status_text.hpp"
#include "tailnet/whois_cache.hpp"

namespace evenkeel {
namespace {

// The last handle to go; a timer until then.
struct Ending : uv_timer_t {
  std::function<void()> closed = {};
};

}  // namespace

struct TailnetHost::Impl {
  Impl(uv_loop_s* uv_loop, TailnetHostOptions its_options, LogSink& sink)
      : loop(uv_loop),
        options(std::move(its_options)),
        log(sink),
        api(loop, tailnet::tailscaled_at(options.socket)),
        ending(net::make_handle<Ending>(uv_timer_init, loop)) {
    if (!ending) throw std::bad_alloc();
    ending->data = this;
  }

  struct Server {
    std::vector<std::string> domains;
    std::shared_ptr<TlsServer> server;
    std::function<void()> ready;
    bool waits = true;  // for its first one
  };

  void on_status(const tailnet::LocalResult<tailnet::NodeStatus>& result) {
    TailnetStatus now = result ? tailnet::describe(*result) : TailnetStatus{.problem = result.error().text};
    if (told && now == status) return;
    told = true;
    const bool back = now.running && !status.running;
    status = std::move(now);
    // A tailscaled that was started anew, or another one, may have forgotten.
    if (back && advert) advert->check();
    if (changed) changed(status);
  }

  void want_certificate(const std::string& domain) {
    const bool known =
        std::ranges::any_of(keepers, [&](const auto& keeper) { return keeper->domain() == domain; });
    if (known) return;
    keepers.push_back(std::make_unique<tailnet::CertificateKeeper>(
        api, domain, [this, domain](const CertificatePem&) { on_certificate(domain); }, log,
        tailnet::CertificateKeeperOptions{
            options.certificate_check, options.certificate_validity, options.certificate_timeout,
            tailnet::Backoff(options.certificate_first_retry, options.certificate_last_retry)}));
  }

  // Names that the node had once.
  void forget_unwanted() {
    std::erase_if(keepers, [&](const auto& keeper) {
      return std::ranges::none_of(
          servers, [&](const Server& it) { return std::ranges::count(it.domains, keeper->domain()) != 0; });
    });
  }

  void show_later() {
    uv_timer_start(
        ending.get(),
        [](uv_timer_t* timer) {
          if (timer->data != nullptr) static_cast<Impl*>(timer->data)->show_waiting();
        },
        0, 0);
  }

  void show_waiting() {
    for (std::size_t i = 0; i < servers.size(); ++i) {
      if (servers[i].waits) show(servers[i]);
    }
  }

  void on_certificate(const std::string& domain) {
    // Those that are ready may ask for more.
    for (std::size_t i = 0; i < servers.size(); ++i) {
      if (std::ranges::count(servers[i].domains, domain) != 0) show(servers[i]);
    }
  }

  void show(Server& to) {
    std::vector<CertificatePem> shown;
    for (const std::string& domain : to.domains) {
      for (const auto& keeper : keepers) {
        if (keeper->domain() == domain && !keeper->pem().chain.empty()) shown.push_back(keeper->pem());
      }
    }
    if (shown.empty()) return;
    const auto replaced = to.server->replace(std::move(shown));
    std::string lines;
    for (const std::string& line : to.server->describe()) lines += (lines.empty() ? "" : "; ") + line;
    const std::array<LogField, 1> fields{
        {replaced ? LogField{"certificates", lines} : LogField{"reason", replaced.error()}}};
    if (!replaced) return log.log(LogLevel::warning, "tailnet_certificate_failed", fields);
    log.log(LogLevel::info, "tailnet_certificate", fields);
    to.waits = false;
    if (const auto ready = std::exchange(to.ready, nullptr)) ready();
  }

  tailnet::ServiceAdvert& services() {
    if (!advert) {
      advert.emplace(
          api, [this](const tailnet::LocalResult<void>& result) { on_round(result); },
          tailnet::ServiceAdvertOptions{.first_retry = options.first_retry});
    }
    return *advert;
  }

  void on_round(const tailnet::LocalResult<void>& result) {
    if (result) {
      failure.clear();
    } else if (failure != result.error().text) {
      failure = result.error().text;
      const std::array<LogField, 1> fields{{{"reason", failure}}};
      log.log(LogLevel::warning, "tailnet_service_failed", fields);
    }
    if (advert->settled() && settled) std::exchange(settled, nullptr)();
  }

  uv_loop_s* loop;
  TailnetHostOptions options;
  LogSink& log;
  tailnet::LocalApi api;
  StatusCallback changed;
  TailnetStatus status;
  bool told = false;
  std::vector<Server> servers;
  std::function<void()> settled;
  std::string failure;  // of services, as it was logged last
  std::optional<tailnet::NodeWatch> watch;
  std::vector<std::unique_ptr<tailnet::CertificateKeeper>> keepers;
  std::optional<tailnet::ServiceAdvert> advert;
  net::UvHandle<Ending> ending;
};

TailnetHost::TailnetHost(uv_loop_s* loop, TailnetHostOptions options, LogSink& log)
    : impl_(std::make_unique<Impl>(loop, std::move(options), log)) {}

TailnetHost::~TailnetHost() {
  close({});
}

void TailnetHost::start(StatusCallback changed) {
  impl_->changed = std::move(changed);
  impl_->watch.emplace(
      impl_->api, [impl = impl_.get()](const auto& result) { impl->on_status(result); },
      [this] { check_services(); }, tailnet::Backoff(impl_->options.first_retry, impl_->options.last_retry));
}

const TailnetStatus& TailnetHost::status() const noexcept {
  return impl_->status;
}

void TailnetHost::keep_certificates(std::vector<std::string> domains, std::shared_ptr<TlsServer> server,
                                    std::function<void()> ready) {
  std::erase_if(impl_->servers, [&](const auto& other) { return other.server == server; });
  auto& kept = impl_->servers.emplace_back(std::move(domains), std::move(server), std::move(ready));
  const std::vector<std::string> wanted = kept.domains;
  for (const std::string& domain : wanted) impl_->want_certificate(domain);
  impl_->forget_unwanted();
  // Another port may have got them before: told from the loop, as everything else.
  impl_->show_later();
}

void TailnetHost::forget_certificates(const TlsServer& server) {
  std::erase_if(impl_->servers, [&](const auto& other) { return other.server.get() == &server; });
  impl_->forget_unwanted();
}

void TailnetHost::advertise(std::string_view service, std::vector<TailnetServicePort> ports) {
  tailnet::Service wanted{.name = std::string(service), .ports = {}};
  for (TailnetServicePort& port : ports)
    wanted.ports.push_back({port.port, std::move(port.forward), port.proxy_header});
  impl_->services().advertise(wanted);
}

void TailnetHost::withdraw(std::string_view service) {
  impl_->services().withdraw(service);
}

void TailnetHost::check_services() {
  if (impl_->advert && impl_->status.running) impl_->advert->check();
}

void TailnetHost::on_settled(std::function<void()> settled) {
  if (!impl_->advert || impl_->advert->settled()) return settled();
  impl_->settled = std::move(settled);
}

void TailnetHost::close(std::function<void()> closed) {
  if (!impl_->ending) return;
  impl_->changed = nullptr;
  impl_->settled = nullptr;
  impl_->watch.reset();
  impl_->keepers.clear();
  impl_->servers.clear();
  impl_->advert.reset();
  // Last, so that its callback comes on the turn in which every handle goes.
  Ending* ending = impl_->ending.release();
  ending->data = nullptr;
  ending->closed = std::move(closed);
  uv_close(reinterpret_cast<uv_handle_t*>(static_cast<uv_timer_t*>(ending)), [](uv_handle_t* handle) {
    const std::unique_ptr<Ending> gone(static_cast<Ending*>(reinterpret_cast<uv_timer_t*>(handle)));
    if (gone->closed) gone->closed();
  });
}

std::shared_ptr<IdentitySource> make_identity_source(uv_loop_s* loop, std::string_view socket,
                                                     const Clock& clock, bool loopback) {
  tailnet::WhoisCacheOptions options;
  options.loopback = loopback;
  return std::make_shared<tailnet::WhoisCache>(
      tailnet::LocalApi(loop, tailnet::tailscaled_at(std::string(socket))), clock, options);
}

}  // namespace evenkeel
