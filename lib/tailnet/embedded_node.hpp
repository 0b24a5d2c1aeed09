// The inside of TailnetNode.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "evenkeel/tailnet_node.hpp"

#include "net/uv_handle.hpp"
#include "proxy/waker.hpp"
#include "tailnet/backoff.hpp"
#include "tailnet/line_stream.hpp"
#include "tailnet/node_calls.hpp"
#include "tailnet/node_certificate.hpp"
#include "tailnet/node_event.hpp"
#include "tailnet/node_whois.hpp"
#include "tailnet/whois_cache.hpp"

namespace evenkeel {

// One node of the other side, whose listeners outlive its starts.
struct TailnetNode::Impl {
  // Throws std::bad_alloc. `node_calls` outlives it.
  Impl(uv_loop_t* loop, TailnetNodeOptions node_options, const tailnet::NodeCalls& node_calls, LogSink& sink,
       OnStatus callback);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void begin();
  Result<int> listen(std::uint16_t port, int flags, bool packets);
  [[nodiscard]] std::string listen_error(std::uint16_t port, bool packets) const;
  void close(std::function<void()> when_closed);

  const TailnetNodeOptions options;
  const tailnet::NodeCalls& calls;
  LogSink& log;
  TailnetNodeStatus status;
  std::shared_ptr<tailnet::WhoisDesk> desk;
  tailnet::NodeCertificate certificate;

 private:
  enum class Due : std::uint8_t { nothing, attempt, limit };
  struct Listener {
    std::uint16_t port;
    bool packets;
    std::string error;  // why it cannot be bound
  };

  void attempt();
  [[nodiscard]] bool make_node();
  [[nodiscard]] std::string options_json() const;
  void let_go_of_node() noexcept;
  void on_line(std::string_view line);
  void on_event(const tailnet::NodeEvent& event);
  void on_status(const TailnetNodeStatus& news);
  void on_stream_end();
  void on_whois(const tailnet::NodeEvent& event);
  void fail(std::string_view reason);
  void publish(const TailnetNodeStatus& news);
  void log_status() const;
  void on_listener(const tailnet::NodeEvent& event);
  void arm(Due due, std::chrono::milliseconds delay);
  void disarm();
  bool log_in_again(const TailnetNodeStatus& news);
  void finish();

  tailnet::Backoff backoff_;        // of starts
  tailnet::Backoff login_backoff_;  // of those for a login that was lost
  OnStatus on_status_;
  tailnet::LineStream stream_;
  net::UvHandle<uv_timer_t> timer_;  // the next attempt
  proxy::Waker last_;                // the handle that goes last
  int node_ = -1;
  std::vector<Listener> listeners_;  // the id is the index, from 1
  bool was_up_ = false;              // ever: what the key was for is done
  bool has_key_ = false;             // the start under way
  bool is_login_lost_ = false;       // for which a new start was begun
  std::uint64_t up_since_ = 0;       // by uv_now()
  Due due_ = Due::nothing;           // what the timer is for
  bool told_ = false;                // some status was published
  bool is_closing_ = false;
  std::function<void()> closed_;
};

}  // namespace evenkeel
