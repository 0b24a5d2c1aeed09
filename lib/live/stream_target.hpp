// A target of an http or tcp port.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "live/live_target.hpp"
#include "live/stream.hpp"
#include "net/uv_handle.hpp"

namespace evenkeel::live {

// Over HTTP a GET is a request. Over TCP a line "?" is one, which is answered with the target's number in a
// line, and a "!" in front of that for an error; whoever asked hangs up.
class StreamTarget final : public LiveTarget {
 public:
  explicit StreamTarget(const Setting& setting);

  Result<void> listen() override;
  void follow(const PortSpec& port) override;
  void close() override;

 private:
  struct Connection {
    explicit Connection(uv_loop_t* loop) : stream(loop) {}
    Stream stream;
  };

  void answer(AskerId asker, bool is_error) override;
  void cut(AskerId asker) override;

  void accept();
  void read(AskerId id);
  void read_line(AskerId id);
  void answer_check(Stream& stream);

  const bool is_http_;
  bool knows_checks_ = false;  // of those over HTTP
  int expected_status_ = 200;
  std::string expected_reply_;  // by checks over TCP
  net::UvHandle<uv_tcp_t> listener_;
  std::map<AskerId, std::unique_ptr<Connection>> connections_;
  AskerId next_connection_ = 0;
};

}  // namespace evenkeel::live
