#include "live/stream.hpp"

#include <memory>
#include <utility>

namespace evenkeel::live {
namespace {

struct Write : uv_write_t {
  explicit Write(std::string_view text) : bytes(text) {}
  std::string bytes;
};

}  // namespace

Stream::Stream(uv_loop_t* loop) : tcp_(net::make_handle<uv_tcp_t>(uv_tcp_init, loop)) {
  if (tcp_) tcp_->data = this;
}

bool Stream::start(Events events) {
  events_ = std::move(events);
  uv_tcp_nodelay(tcp_.get(), 1);
  return uv_read_start(
             reinterpret_cast<uv_stream_t*>(tcp_.get()),
             [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
               auto* its = static_cast<Stream*>(handle->data);
               *buffer =
                   its == nullptr ? uv_buf_init(nullptr, 0) : uv_buf_init(its->room_, sizeof its->room_);
             },
             [](uv_stream_t* stream, ssize_t count, const uv_buf_t*) {
               if (stream->data != nullptr) static_cast<Stream*>(stream->data)->on_read(count);
             }) == 0;
}

void Stream::on_read(std::ptrdiff_t count) {
  if (count == 0) return;
  // Copies: what is called may destroy this.
  if (count < 0) {
    const auto closed = events_.closed;
    return closed();
  }
  received_.append(room_, static_cast<std::size_t>(count));
  const auto received = events_.received;
  received();
}

bool Stream::connect(std::uint16_t port, const std::string& from, std::function<void()> connected,
                     Events events) {
  sockaddr_in local{};
  sockaddr_in remote{};
  uv_ip4_addr("127.0.0.1", port, &remote);
  if (!from.empty()) {
    uv_ip4_addr(from.c_str(), 0, &local);
    if (uv_tcp_bind(tcp_.get(), reinterpret_cast<const sockaddr*>(&local), 0) != 0) return false;
  }
  connected_ = std::move(connected);
  events_ = std::move(events);
  auto request = std::make_unique<uv_connect_t>();
  const int failed = uv_tcp_connect(request.get(), tcp_.get(), reinterpret_cast<const sockaddr*>(&remote),
                                    [](uv_connect_t* done, int status) {
                                      const std::unique_ptr<uv_connect_t> owned(done);
                                      auto* its = static_cast<Stream*>(done->handle->data);
                                      if (its == nullptr) return;
                                      const auto closed = its->events_.closed;
                                      if (status != 0 || !its->start(std::move(its->events_)))
                                        return closed();
                                      const auto told = std::exchange(its->connected_, nullptr);
                                      told();
                                    });
  if (failed != 0) return false;
  (void)request.release();
  return true;
}

void Stream::write(std::string_view bytes) {
  auto write = std::make_unique<Write>(bytes);
  uv_buf_t buffer = uv_buf_init(write->bytes.data(), static_cast<unsigned>(write->bytes.size()));
  const int failed = uv_write(write.get(), reinterpret_cast<uv_stream_t*>(tcp_.get()), &buffer, 1,
                              [](uv_write_t* done, int) { delete static_cast<Write*>(done); });
  // One that cannot be written to is told of by its reading.
  if (failed == 0) (void)write.release();
}

void Stream::reset() {
  tcp_->data = nullptr;
  uv_tcp_t* const tcp = tcp_.release();
  const auto gone = [](uv_handle_t* handle) { delete reinterpret_cast<uv_tcp_t*>(handle); };
  if (uv_tcp_close_reset(tcp, gone) != 0) uv_close(reinterpret_cast<uv_handle_t*>(tcp), gone);
}

}  // namespace evenkeel::live
