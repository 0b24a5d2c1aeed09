#include "local/local_api.hpp"

#include <algorithm>

#include "local/json.hpp"
#include "local/local_exchange.hpp"

namespace evenkeel::local {
namespace {

// The server's own words: its text, or what a JSON object says of an error. The first line, printable.
std::string words_of(const LocalResponse& response) {
  constexpr std::size_t most = 300;
  std::string text = response.body;
  if (text.starts_with('{')) {
    if (const std::optional<Json> json = read_json(text)) {
      text.clear();
      for (const std::string_view key : {"error", "Error", "message", "detail"}) {
        if (text.empty()) text = string_member(*json, key);
      }
    }
  }
  text.resize(std::min({text.size(), text.find('\n'), most}));
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, ' ');
  return text;
}

ErrorCode code_of(int status) noexcept {
  return status == 401 || status == 403 ? ErrorCode::permission_denied : ErrorCode::unexpected_status;
}

}  // namespace

LocalApiError unexpected_status(const LocalApiOptions& server, std::string_view request,
                                const LocalResponse& response) {
  std::string text = server.who + " answered ";
  text.append(request).append(" with ").append(std::to_string(response.status));
  if (const std::string words = words_of(response); !words.empty()) text.append(": ").append(words);
  if (code_of(response.status) == ErrorCode::permission_denied) {
    text.append("; ").append(server.when_forbidden);
  }
  return {{code_of(response.status), Fault::us, false, 0}, std::move(text)};
}

LocalCall& LocalCall::operator=(LocalCall&& other) noexcept {
  if (this == &other) return *this;
  // The old one last: what it cancels may be the callback that is running, and it owns this.
  const LocalCall old(std::exchange(exchange_, std::move(other.exchange_)));
  return *this;
}

void LocalCall::cancel() noexcept {
  if (const std::shared_ptr<LocalExchange> exchange = std::exchange(exchange_, nullptr)) exchange->cancel();
}

LocalCall LocalApi::send(const LocalRequest& request, Done done) const {
  auto exchange = std::make_shared<LocalExchange>(loop_, options_, std::move(done));
  exchange->start(request);
  return LocalCall(std::move(exchange));
}

LocalCall LocalApi::watch(std::string path, Line line, Ended ended, Begun begun) const {
  auto exchange =
      std::make_shared<LocalExchange>(loop_, options_, std::move(line), std::move(ended), std::move(begun));
  exchange->start({.path = std::move(path)});
  return LocalCall(std::move(exchange));
}

}  // namespace evenkeel::local
