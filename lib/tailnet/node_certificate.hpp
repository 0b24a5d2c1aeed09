// The certificate of an embedded node: shown by its https ports, and kept fresh.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <uv.h>

#include "evenkeel/log.hpp"
#include "evenkeel/tailnet_node.hpp"
#include "evenkeel/tls.hpp"

#include "net/uv_handle.hpp"
#include "tailnet/backoff.hpp"
#include "tailnet/node_event.hpp"

namespace evenkeel::tailnet {

// Thread rule: the loop's thread. Asks for nothing before somebody wants a certificate and the node is up.
class NodeCertificate {
 public:
  // Asks the node for the certificate of a domain; 0, or -errno. The answer goes to on_answer().
  using Ask = std::function<int(std::int64_t id, const std::string& domain)>;

  // `options` and `log` outlive it. Throws std::bad_alloc.
  NodeCertificate(uv_loop_t* loop, const TailnetNodeOptions& options, LogSink& log, Ask ask);

  // `ready` comes from the loop once the server has the certificate.
  void serve(std::shared_ptr<TlsServer> server, std::function<void()> ready);
  void forget(const TlsServer& server) noexcept;
  // The node is up, with these names.
  void on_running(const std::vector<std::string>& domains);
  void on_down() noexcept;
  void on_answer(const NodeEvent& event);
  void close() noexcept;

 private:
  struct Port {
    std::shared_ptr<TlsServer> server;
    std::function<void()> ready;  // empty once called
  };

  void tell_of_no_https();
  void fetch();
  void fetch_in(std::chrono::milliseconds delay);
  void show(const CertificatePem& certificate);
  void on_failure(std::string_view reason, std::chrono::milliseconds at_least);
  void say(LogLevel level, std::string_view event, std::string_view reason);

  const TailnetNodeOptions& options_;
  LogSink& log_;
  Ask ask_;
  Backoff backoff_;
  net::UvHandle<uv_timer_t> timer_;
  std::vector<Port> ports_;
  std::string domain_;        // empty while the node is not up
  std::int64_t last_id_ = 0;  // of a question
  bool is_asked_ = false;     // it has no answer yet
  bool is_wanted_ = false;    // by somebody who has none yet
  bool lacks_https_ = false;  // the node is up, and has no name for a certificate
};

}  // namespace evenkeel::tailnet
