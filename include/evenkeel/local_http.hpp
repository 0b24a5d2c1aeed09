// One request to an HTTP server on a Unix socket of this machine, such as the admin endpoint of evenkeel.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "evenkeel/export.hpp"

struct uv_loop_s;

namespace evenkeel {

struct LocalHttpRequest {
  std::string socket;  // its path
  std::string method = "GET";
  std::string path;  // with its query, percent-encoded
  std::string body = {};
  std::chrono::milliseconds timeout{10'000};
  std::string who = "the server";  // for the error
};

struct LocalHttpResponse {
  int status = 0;
  std::string body;
};

// Destroying it cancels. Thread rule: the loop's; the loop runs on until its handles are gone.
class EVENKEEL_API LocalHttpCall {
 public:
  // The error is for a person: what is wrong, and what to do where that is known.
  using Done = std::function<void(std::expected<LocalHttpResponse, std::string>)>;

  // `done` comes once, from the loop. Throws std::bad_alloc.
  LocalHttpCall(uv_loop_s* loop, LocalHttpRequest request, Done done);
  ~LocalHttpCall();
  LocalHttpCall(const LocalHttpCall&) = delete;
  LocalHttpCall& operator=(const LocalHttpCall&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evenkeel
