// A request head, whole and in two pieces: no crash, and the pieces make no difference.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "http/head_scanner.hpp"
#include "http/request_head.hpp"
#include "http/rewrite.hpp"

using namespace evenkeel;
using namespace evenkeel::http;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// What a target would be sent must itself be a head that we accept and understand in the same way.
void check_forwarded(const RequestHead& head, const FieldList& fields) {
  const auto out = std::make_unique<GatherList>();
  gather_request_head(head, fields, {.fallback_host = "t", .client_ip = "192.0.2.1"}, *out);
  std::string text;
  for (const iovec& slice : out->slices())
    text.append(static_cast<const char*>(slice.iov_base), slice.iov_len);
  HeadScanner scanner;
  require(scanner.scan(text) == HeadScanner::State::complete && scanner.length() == text.size());
  const auto again_fields = std::make_unique<FieldList>();
  RequestHead again;
  // Three fields of ours may come on top of a full list.
  if (fields.size() > FieldList::capacity - 8) return;
  require(read_request_head(text, {FieldList::capacity, 1U << 20}, *again_fields, again) == 0);
  require(again.framing == head.framing && again.content_length == head.content_length);
  require(again.method == head.method && again.path == head.path && again.minor_version == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HeadScanner whole;
  const HeadScanner::State state = whole.scan(bytes);
  HeadScanner split;
  HeadScanner::State split_state = split.scan(bytes.substr(0, data[0] % size));
  if (split_state == HeadScanner::State::incomplete) split_state = split.scan(bytes);
  require(split_state == state);
  if (state != HeadScanner::State::complete) return 0;
  require(split.length() == whole.length());

  const auto fields = std::make_unique<FieldList>();
  RequestHead head;
  const int status = read_request_head(bytes.substr(0, whole.length()), {}, *fields, head);
  require(status == 0 || (status >= 400 && status <= 505));
  if (status == 0) check_forwarded(head, *fields);
  return 0;
}
