// The runtime API: what is asked for over HTTP, and what is done about it. docs/admin-api.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "evenkeel/http_service.hpp"

#include "ports.hpp"

namespace evenkeel::cli {

// Thread rule: the control loop's.
class AdminApi {
 public:
  enum class Reload : std::uint8_t {
    begun,
    no_spec,  // it cannot be read again
    ending,   // nothing comes of it: the process drains
  };
  struct Actions {
    std::function<void(std::function<void(const ProcessReport&)>)> report;
    std::function<Reload()> reload;
    std::function<void()> drain;  // the whole process
  };

  // `ports` outlives it. `token` is what callers over TCP have to show; never empty when there are any.
  AdminApi(Ports& ports, Actions actions, std::string token);

  void handle(const ServiceRequest& request, const HttpService::Reply& reply);

 private:
  struct Call;
  using Handler = void (AdminApi::*)(const Call&);
  struct Route {
    std::string_view method;
    std::string_view path;
    Handler handler;
    bool is_open = false;  // to whoever has no token, too
  };
  static const std::vector<Route>& routes();

  [[nodiscard]] bool is_allowed(const ServiceRequest& request) const;
  void show_page(const Call& call);
  void show_status(const Call& call);
  void show_metrics(const Call& call);
  void show_port(const Call& call);
  void reload(const Call& call);
  void drain(const Call& call);
  void change_port(const Call& call);
  void drain_port(const Call& call);
  void add_target(const Call& call);
  void change_target(const Call& call);
  void remove_target(const Call& call);

  Ports& ports_;
  const Actions actions_;
  const std::string token_;
};

}  // namespace evenkeel::cli
