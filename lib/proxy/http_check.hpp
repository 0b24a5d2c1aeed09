// Health checks over HTTP: does the target answer with a status it should?
#pragma once

#include <string>

#include "http/field.hpp"
#include "http/head_scanner.hpp"
#include "proxy/socket_check.hpp"

namespace evenkeel::proxy {

// One request on a connection of its own; the verdict falls with the response head, the body is not
// read. Interim responses are passed over. The head is read as strictly as one that is to be
// forwarded: a target that passes its checks must not fail on the data path for its grammar.
class HttpCheck final : public SocketCheck {
 public:
  using SocketCheck::SocketCheck;

 private:
  static constexpr std::size_t max_answer = 32'768;  // interim heads and the final one together

  void on_connected() override;
  void on_ready() override;

  [[nodiscard]] std::string request() const;
  void send();
  void receive();
  // Looks at what has come; true when there is nothing more to wait for.
  bool judge();

  std::string unsent_;
  std::string answer_;
  http::HeadScanner scanner_;
  http::FieldList fields_;
};

}  // namespace evenkeel::proxy
