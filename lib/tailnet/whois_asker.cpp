#include "tailnet/whois_asker.hpp"

#include <cerrno>
#include <new>
#include <utility>

#include "tailnet/whois.hpp"

namespace evenkeel::tailnet {
namespace {

WhoisAsker::Reply read_reply(const LocalApiOptions& server, LocalResult<LocalResponse> result) {
  if (!result) return std::unexpected(std::move(result).error());
  if (result->status == 404) return nullptr;
  if (result->status != 200) return std::unexpected(unexpected_status(server, "whois", *result));
  base::OrReason<Identity> who = read_whois(result->body);
  if (!who) {
    return std::unexpected(LocalApiError{{ErrorCode::bad_response, Fault::target, false, 0},
                                         "tailscaled's answer to whois " + std::string(who.error())});
  }
  return std::make_shared<const Identity>(*std::move(who));
}

WhoisAsker::Reply judge(const LocalApiOptions& server, LocalResult<LocalResponse> result) noexcept {
  try {
    return read_reply(server, std::move(result));
  } catch (const std::bad_alloc&) {
    return std::unexpected(LocalApiError{{ErrorCode::system, Fault::us, true, ENOMEM}, {}});
  }
}

struct TailscaledCall final : WhoisAsker::Call {
  explicit TailscaledCall(LocalCall under_way) noexcept : call(std::move(under_way)) {}
  LocalCall call;
};

class TailscaledAsker final : public WhoisAsker {
 public:
  explicit TailscaledAsker(LocalApi api) : api_(std::move(api)) {}

  std::unique_ptr<Call> ask(const std::string& ip, std::uint16_t port, Done done) override {
    return std::make_unique<TailscaledCall>(
        api_.send({.path = whois_path(ip, port)},
                  [done = std::move(done), api = api_](LocalResult<LocalResponse> result) {
                    done(judge(api.options(), std::move(result)));
                  }));
  }

 private:
  LocalApi api_;
};

}  // namespace

std::unique_ptr<WhoisAsker> make_tailscaled_asker(LocalApi api) {
  return std::make_unique<TailscaledAsker>(std::move(api));
}

}  // namespace evenkeel::tailnet
