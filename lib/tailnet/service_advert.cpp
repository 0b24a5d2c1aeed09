#include "tailnet/service_advert.hpp"

#include <algorithm>
#include <utility>

namespace evenkeel::tailnet {

ServiceAdvert::ServiceAdvert(const LocalApi& api, Report report, ServiceAdvertOptions options)
    : api_(api),
      report_(std::move(report)),
      options_(options),
      backoff_(options.first_retry, options.last_retry),
      timer_(net::make_handle<uv_timer_t>(uv_timer_init, api.loop())) {
  timer_->data = this;
}

ServiceAdvert::Wanted& ServiceAdvert::wanted(std::string_view name) {
  const auto found = std::ranges::find_if(wanted_, [&](const Wanted& it) { return it.service.name == name; });
  if (found != wanted_.end()) return *found;
  wanted_.push_back({{std::string(name), {}}, false});
  return wanted_.back();
}

void ServiceAdvert::advertise(const Service& service) {
  Wanted& it = wanted(service.name);
  if (it.advertised && it.service == service) return;
  it = {service, true};
  changed();
}

void ServiceAdvert::withdraw(std::string_view name) {
  const auto known = wanted_.size();
  Wanted& it = wanted(name);
  // A service that was never named may be advertised all the same: by a process before this one.
  if (!it.advertised && wanted_.size() == known) return;
  it.advertised = false;
  changed();
}

void ServiceAdvert::check() {
  changed();
}

// A change does not wait for a retry: withdrawing at shutdown has no time for that.
void ServiceAdvert::changed() {
  dirty_ = true;
  if (!busy_) begin_round();
}

void ServiceAdvert::begin_round() {
  uv_timer_stop(timer_.get());
  busy_ = true;
  dirty_ = false;
  conflicts_ = 0;
  services_.clear();
  add_.clear();
  remove_.clear();
  for (const Wanted& it : wanted_) {
    (it.advertised ? add_ : remove_).push_back(it.service.name);
    if (it.advertised) services_.push_back(it.service);
  }
  services_.empty() ? read_prefs() : read_config();
}

void ServiceAdvert::read_config() {
  send({.path = std::string(serve_config_path)}, [this](LocalResponse response) {
    const bool named =
        std::ranges::all_of(services_, [](const Service& service) { return is_service_name(service.name); });
    if (!named) return refuse("a service is named \"svc:\" and a DNS label");
    Edit edit = with_services(response.body, services_);
    if (!edit) return refuse(std::move(edit).error());
    if (!*edit) return read_prefs();
    write_config(std::move(response.etag), **std::move(edit));
  });
}

void ServiceAdvert::write_config(std::string etag, std::string config) {
  LocalRequest request{.path = std::string(serve_config_path), .method = "POST", .body = std::move(config)};
  request.if_match = std::move(etag);
  send(request, [this](const LocalResponse& response) {
    if (response.status != 412) return read_prefs();
    // Somebody else has written since it was read.
    if (++conflicts_ > options_.conflicts) return refuse("tailscaled's serve-config keeps changing");
    read_config();
  });
}

void ServiceAdvert::read_prefs() {
  send({.path = std::string(prefs_path)}, [this](const LocalResponse& response) {
    Edit edit = advertising(response.body, add_, remove_);
    if (!edit) return refuse(std::move(edit).error());
    if (!*edit) return end_round({});
    write_prefs(**std::move(edit));
  });
}

void ServiceAdvert::write_prefs(std::string patch) {
  LocalRequest request{.path = std::string(prefs_path), .method = "PATCH", .body = std::move(patch)};
  send(request, [this](const LocalResponse& response) {
    // It answers with the prefs as they are now: another writer may have come between.
    Edit edit = advertising(response.body, add_, remove_);
    if (!edit) return refuse(std::move(edit).error());
    if (!*edit) return end_round({});
    if (++conflicts_ > options_.conflicts) return refuse("tailscaled does not keep its AdvertiseServices");
    read_prefs();
  });
}

// `next` gets a response that makes sense: 412 where there was a condition, else 200.
void ServiceAdvert::send(const LocalRequest& request, std::function<void(LocalResponse)> next) {
  const bool conditional = !request.if_match.empty();
  const std::string what = request.method + " " + request.path;
  call_ = api_.send(request,
                    [this, conditional, what, next = std::move(next)](LocalResult<LocalResponse> result) {
                      if (!result) return end_round(std::unexpected(std::move(result).error()));
                      const bool conflict = conditional && result->status == 412;
                      if (result->status != 200 && !conflict) {
                        return end_round(std::unexpected(unexpected_status(api_.options(), what, *result)));
                      }
                      next(*std::move(result));
                    });
}

void ServiceAdvert::refuse(std::string text) {
  end_round(
      std::unexpected(LocalApiError{{ErrorCode::invalid_argument, Fault::us, false, 0}, std::move(text)}));
}

void ServiceAdvert::end_round(LocalResult<void> result) {
  busy_ = false;
  if (result) backoff_.reset();
  const bool changed_meanwhile = dirty_;
  if (!result) dirty_ = true;
  if (changed_meanwhile) {
    begin_round();
  } else if (!result) {
    retry_later();
  }
  if (report_) report_(std::move(result));
}

void ServiceAdvert::retry_later() {
  uv_update_time(api_.loop());
  uv_timer_start(
      timer_.get(),
      [](uv_timer_t* timer) {
        if (timer->data != nullptr) static_cast<ServiceAdvert*>(timer->data)->begin_round();
      },
      static_cast<std::uint64_t>(backoff_.next().count()), 0);
}

}  // namespace evenkeel::tailnet
