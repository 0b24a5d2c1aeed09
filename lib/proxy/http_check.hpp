// Health checks over HTTP: does the target answer with a status it should?
#pragma once

#include <memory>
#include <string>

#include "http/field.hpp"
#include "http/head_scanner.hpp"
#include "net/tls_client.hpp"
#include "net/tls_stream.hpp"
#include "proxy/socket_check.hpp"

namespace evenkeel::proxy {

// One request on a connection of its own, over TLS to an https target; the verdict falls with the response
// head, the body is not read. Interim responses are passed over. The head is read as strictly as one that is
// to be forwarded: a target that passes its checks must not fail on the data path for its grammar. For the
// same reason its certificate is judged as there.
class HttpCheck final : public SocketCheck, private net::TlsLink {
 public:
  // Both must outlive it.
  HttpCheck(uv_loop_t* loop, const HealthOptions& options, net::TlsConnector& connector) noexcept
      : SocketCheck(loop, options), connector_(connector) {}

 private:
  static constexpr std::size_t max_answer = 32'768;  // interim heads and the final one together

  void on_connected() override;
  void on_ready() override;
  Result<std::size_t> pull(std::span<char> into) noexcept override;
  bool push(std::string_view bytes) noexcept override;

  [[nodiscard]] std::string request() const;
  void shake_hands();
  void send();
  void receive();
  // Looks at what has come; true when there is nothing more to wait for.
  bool judge();

  net::TlsConnector& connector_;
  net::TlsConnector::SessionSlot session_;  // not kept: each check looks at the certificate anew
  std::unique_ptr<net::TlsStream> tls_;
  std::string unsent_;  // as it goes over the wire
  std::string answer_;
  http::HeadScanner scanner_;
  http::FieldList fields_;
};

}  // namespace evenkeel::proxy
