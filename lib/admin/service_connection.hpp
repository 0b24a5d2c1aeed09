// One client of an HttpService: its requests, one after the other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "evenkeel/http_service.hpp"

#include "base/buffer.hpp"
#include "base/intrusive_list.hpp"
#include "http/body_reader.hpp"
#include "http/field.hpp"
#include "http/head_scanner.hpp"
#include "net/connection.hpp"
#include "net/reactor.hpp"
#include "net/socket.hpp"
#include "net/timeouts.hpp"

namespace evenkeel::admin {

class ServiceConnection;

// What the connections of one service share.
struct ServiceCore {
  ServiceCore(net::Reactor& its_reactor, HttpService::Handler its_handler, ServiceOptions its_options)
      : reactor(its_reactor), handler(std::move(its_handler)), options(its_options) {}

  net::Reactor& reactor;
  const HttpService::Handler handler;
  const ServiceOptions options;
  base::IntrusiveList<ServiceConnection> connections;
  // Strangers at one door keep nobody from the other.
  std::uint32_t& open_by(bool local) noexcept { return local ? open_locally : open_over_tcp; }
  std::uint32_t open_locally = 0;
  std::uint32_t open_over_tcp = 0;
};

class ServiceConnection final : public net::Connection,
                                public net::Mortal,
                                public base::ListNode<ServiceConnection> {
 public:
  // Owns itself from here on; ends with end().
  static void accept(ServiceCore& core, net::Accepted accepted, bool local) noexcept;
  ~ServiceConnection() override = default;
  void end() noexcept;

 private:
  enum class Phase : std::uint8_t { head, body, handler, closing };

  ServiceConnection(ServiceCore& core, bool local) noexcept;
  void on_readable() noexcept override;
  void on_partly_sent() noexcept override {}
  void on_drained() noexcept override;
  void on_failed() noexcept override { end(); }

  void advance() noexcept;
  // False: more has to come, or the connection has ended.
  [[nodiscard]] bool take_head();
  [[nodiscard]] bool take_body();
  void ask();
  void refuse(int status) noexcept;
  void respond(const ServiceResponse& response) noexcept;
  void after_response() noexcept;

  ServiceCore& core_;
  net::Timeout timeout_;
  base::Buffer in_;
  http::HeadScanner scanner_;
  http::BodyReader body_;
  ServiceRequest request_;
  // Who answers late finds out here whether the client is still there.
  std::shared_ptr<ServiceConnection*> alive_;
  bool keep_alive_ = true;
  bool is_head_ = false;
  const bool local_;
  bool ended_ = false;
  bool advancing_ = false;
  bool asking_ = false;  // the handler has not returned
  Phase phase_ = Phase::head;
};

}  // namespace evenkeel::admin
