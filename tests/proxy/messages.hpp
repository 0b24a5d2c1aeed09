// What the far ends of a proxy understand of the bytes that they got: judged by the strict readers of
// lib/http.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/framing.hpp"

namespace evenkeel::test {

struct Message {
  std::string head;
  std::string body;  // without the chunks it may have come in
  http::Framing framing = http::Framing::none;
  int status = 0;  // of a response
  bool is_head = false;
  bool upgrade = false;  // a request to switch protocols
  bool whole = false;
};

struct Messages {
  std::vector<Message> list;
  std::string_view rest;  // a head that has not come whole, or what follows a switch of protocols
  bool bad = false;       // `rest` begins with something that is not a message

  [[nodiscard]] std::size_t whole() const noexcept;
};

// `switched`: the answer to a request to switch protocols was 101.
Messages read_requests(std::string_view bytes, bool switched = false);
// `is_head`: whether the n-th final response is one to HEAD. `ended`: the stream has ended behind `bytes`.
Messages read_responses(std::string_view bytes, const std::function<bool(std::size_t)>& is_head, bool ended);

// Text to compare: heads and bodies, whatever chunks the bodies came in, and Date left out.
std::string describe(const Messages& messages);

}  // namespace evenkeel::test
