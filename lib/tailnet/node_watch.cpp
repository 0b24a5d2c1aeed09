#include "tailnet/node_watch.hpp"

#include <string>
#include <utility>

namespace evenkeel::tailnet {

NodeWatch::NodeWatch(const LocalApi& api, Changed changed, std::function<void()> prefs_changed,
                     Backoff backoff)
    : api_(api),
      changed_(std::move(changed)),
      prefs_changed_(std::move(prefs_changed)),
      backoff_(backoff),
      timer_(net::make_handle<uv_timer_t>(uv_timer_init, api.loop())) {
  timer_->data = this;
  watch();
}

// Its first line comes at once and tells the state, which is how the first status comes to be asked for.
void NodeWatch::watch() {
  bus_ = api_.watch(
      std::string(bus_path), [this](std::string_view line) { on_line(line); },
      [this](LocalApiError error) { fail(std::move(error)); });
}

void NodeWatch::on_line(std::string_view line) {
  const base::OrReason<BusNotice> notice = read_bus_line(line);
  // A line that is not understood may be about anything.
  const bool changes = !notice || notice->state || notice->node_changed || notice->prefs_changed ||
                       !notice->auth_url.empty() || !notice->error.empty();
  if (changes) refresh();
  if (!notice || notice->prefs_changed) prefs_changed_();
}

void NodeWatch::refresh() {
  stale_ = asking_;
  if (asking_) return;
  asking_ = true;
  call_ = api_.send({.path = std::string(status_path)},
                    [this](LocalResult<LocalResponse> result) { on_status(std::move(result)); });
}

void NodeWatch::on_status(LocalResult<LocalResponse> result) {
  asking_ = false;
  if (!result) return fail(std::move(result).error());
  if (result->status != 200) return fail(unexpected_status(api_.options(), "status", *result));
  base::OrReason<NodeStatus> status = read_status(result->body);
  if (!status) {
    return fail({{ErrorCode::bad_response, Fault::target, false, 0},
                 "tailscaled's status " + std::string(status.error())});
  }
  backoff_.reset();
  if (stale_) refresh();
  tell(*std::move(status));
}

// Everything begins anew, from the bus on.
void NodeWatch::fail(LocalApiError error) {
  bus_ = LocalCall();
  call_ = LocalCall();
  asking_ = stale_ = false;
  uv_update_time(api_.loop());
  uv_timer_start(
      timer_.get(),
      [](uv_timer_t* timer) {
        if (timer->data != nullptr) static_cast<NodeWatch*>(timer->data)->watch();
      },
      static_cast<std::uint64_t>(backoff_.next().count()), 0);
  tell(std::unexpected(std::move(error)));
}

void NodeWatch::tell(LocalResult<NodeStatus> status) {
  if (status ? known_ == *status : failure_ == status.error().text) return;
  known_.reset();
  failure_.clear();
  if (status) {
    known_ = *status;
  } else {
    failure_ = status.error().text;
  }
  changed_(status);
}

}  // namespace evenkeel::tailnet
