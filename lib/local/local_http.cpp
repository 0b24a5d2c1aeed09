#include "evenkeel/local_http.hpp"

#include <utility>

#include "local/local_api.hpp"

namespace evenkeel {

struct LocalHttpCall::Impl {
  local::LocalCall call;
};

LocalHttpCall::LocalHttpCall(uv_loop_s* loop, LocalHttpRequest request, Done done)
    : impl_(std::make_unique<Impl>()) {
  local::LocalApiOptions options;
  options.socket_path = std::move(request.socket);
  options.response_bytes = std::size_t{64} << 20;  // some hundred thousand targets
  options.who = std::move(request.who);
  options.timeout = request.timeout;
  impl_->call = local::LocalApi(loop, std::move(options))
                    .send({.path = std::move(request.path),
                           .method = std::move(request.method),
                           .body = std::move(request.body)},
                          [done = std::move(done)](local::LocalResult<local::LocalResponse> result) {
                            if (!result) return done(std::unexpected(std::move(result).error().text));
                            done(LocalHttpResponse{result->status, std::move(result->body)});
                          });
}

LocalHttpCall::~LocalHttpCall() = default;

}  // namespace evenkeel
