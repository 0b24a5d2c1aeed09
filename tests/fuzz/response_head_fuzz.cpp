// A response head: no crash, and what the client would be sent is a head that we accept ourselves.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "http/head_scanner.hpp"
#include "http/response_head.hpp"
#include "http/rewrite.hpp"

using namespace evenkeel::http;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HeadScanner scanner;
  if (scanner.scan(bytes) != HeadScanner::State::complete) return 0;
  const auto fields = std::make_unique<FieldList>();
  ResponseHead head;
  const ResponseContext context{.to_head = size % 2 == 0, .upgrade = size % 3 == 0 ? "websocket" : ""};
  if (!read_response_head(bytes.substr(0, scanner.length()), context, *fields, head)) return 0;

  const auto out = std::make_unique<GatherList>();
  gather_response_head(head, *fields, {}, *out);
  std::string text;
  for (const iovec& slice : out->slices())
    text.append(static_cast<const char*>(slice.iov_base), slice.iov_len);
  HeadScanner again_scanner;
  require(again_scanner.scan(text) == HeadScanner::State::complete && again_scanner.length() == text.size());
  const auto again_fields = std::make_unique<FieldList>();
  ResponseHead again;
  if (fields->size() > 90) return 0;  // ours on top may be over the limit
  require(read_response_head(text, context, *again_fields, again));
  require(again.status == head.status);
  // The client sees the same body end, or chunks where we only knew "to the end of the connection".
  require(again.framing == head.framing ||
          (head.framing == Framing::until_close && again.framing == Framing::chunked));
  return 0;
}
