// The admin endpoint of the process: its sockets, and what answers there.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <uv.h>

#include "evenkeel/config.hpp"
#include "evenkeel/http_service.hpp"

#include "admin_api.hpp"
#include "log_output.hpp"

namespace evenkeel::cli {

// What cannot be had of it is told, and holds nothing up: traffic is what counts.
//
// Thread rule: the control loop's. Lifetime: the loop runs until the handles that close() lets go of are
// gone.
class AdminServer {
 public:
  AdminServer(uv_loop_t* loop, LogOutput& log) : loop_(loop), log_(log) {}

  // `ports` outlives it.
  void start(const AdminSpec& spec, Ports& ports, AdminApi::Actions actions);
  void close();

 private:
  void listen_unix(const AdminSpec& spec);
  void listen_tcp(const AdminSpec& spec);
  void tell(std::string_view event, std::string_view address, std::string_view reason);

  uv_loop_t* const loop_;
  LogOutput& log_;
  std::unique_ptr<AdminApi> api_;
  std::unique_ptr<HttpService> service_;
};

}  // namespace evenkeel::cli
