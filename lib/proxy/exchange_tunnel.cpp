// An upgraded connection: bytes both ways, each way ended by itself. RFC 9110 section 7.8.
#include "http/rewrite.hpp"
#include "proxy/client_connection.hpp"
#include "proxy/exchange.hpp"

namespace evenkeel::proxy {

void Exchange::begin_tunnel(const http::ResponseHead& head, std::span<char> rest) noexcept {
  response_started_ = downstream_started_ = true;
  status_ = head.status;
  note_answer();
  deadline_.cancel();
  request_.clear();
  client_keep_alive_ = false;
  core_.gather.clear();
  http::gather_response_head(head, core_.fields, response_rewrite(), core_.gather);
  core_.gather.add({rest.data(), rest.size()});
  bytes_out_ += rest.size();
  waiting_ = Waiting::tunnel;
  if (!client_->write(core_.gather.slices())) return client_->cut();
  // The client may not have waited for the answer.
  const base::Buffer early = std::move(client_->early());
  if (!early.empty()) {
    bytes_in_ += early.size();
    if (!upstream_->write(early.view())) return cut({ErrorCode::connection_reset, Fault::target, false, 0});
  }
  wait(Waiting::tunnel);
  if (client_->unsent() != 0) upstream_->pause_reads();
  if (client_->half_closed()) return on_client_stream_end();
  if (upstream_->unsent() == 0) client_->resume_reads();
}

void Exchange::tunnel_to_client(std::span<char> bytes) noexcept {
  bytes_out_ += bytes.size();
  if (!client_->write(std::string_view(bytes.data(), bytes.size()))) return client_->cut();
  if (client_->unsent() != 0) upstream_->pause_reads();
  wait(Waiting::tunnel);
}

void Exchange::tunnel_to_target(std::span<const char> bytes) noexcept {
  bytes_in_ += bytes.size();
  if (!upstream_->write(std::string_view(bytes.data(), bytes.size()))) {
    return cut({ErrorCode::connection_reset, Fault::target, false, 0});
  }
  if (upstream_->unsent() != 0) client_->pause_reads();
  wait(Waiting::tunnel);
}

void Exchange::on_tunnel_target_end() noexcept {
  target_ended_ = true;
  upstream_->pause_reads();
  client_->shut_write();
  end_tunnel_if_done();
}

void Exchange::end_tunnel_if_done() noexcept {
  if (!client_ended_ || !target_ended_ || client_->unsent() != 0 || upstream_->unsent() != 0) return;
  lease_.report(Outcome::success, bytes_in_ + bytes_out_);
  release_upstream(Release::close);
  finish(false);
}

}  // namespace evenkeel::proxy
