// The other side of TailnetNode, without Go: what it is asked is written down, and the test says what it
// tells.
#pragma once

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "net/fd.hpp"
#include "support/handover_pair.hpp"
#include "tailnet/node_calls.hpp"

namespace evenkeel::test {

// One at a time.
struct FakeNode {
  inline static FakeNode* self = nullptr;

  std::vector<std::string> made;  // the options
  int started = 0;
  std::vector<std::string> keys;  // of the starts
  int start_result = 0;
  int closed = 0;
  bool ends_at_once = true;                          // the stream, when it is closed
  std::vector<std::pair<long, std::string>> asked;   // whois
  std::vector<std::pair<long, std::string>> wanted;  // certificates
  std::vector<std::pair<int, int>> listeners;        // port, flags; -1 of packets
  std::vector<net::Fd> ends;                         // of listeners
  net::Fd stream;                                    // this side of it

  FakeNode() { self = this; }
  FakeNode(const FakeNode&) = delete;
  FakeNode& operator=(const FakeNode&) = delete;
  ~FakeNode() { self = nullptr; }

  void tell(std::string_view line) const {
    const std::string text = std::string(line) + "\n";
    REQUIRE(::send(stream.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  void tell_running() const {
    tell(R"({"event":"state","state":"Running","addresses":["100.64.0.1","fd7a:115c:a1e0::1"],)"
         R"("dnsName":"app.example.ts.net","certDomains":["app.example.ts.net"]})");
  }

  static const tailnet::NodeCalls& calls() {
    static constexpr tailnet::NodeCalls all{
        .make =
            [](const char* options) {
              self->made.emplace_back(options);
              return static_cast<int>(self->made.size());
            },
        .events =
            [](int) {
              auto [ours, theirs] = socket_pair(SOCK_STREAM);
              self->stream = std::move(theirs);
              const int descriptor = ::dup(ours.get());
              return descriptor;
            },
        .start =
            [](int, const char* key) {
              ++self->started;
              self->keys.emplace_back(key);
              return self->start_result;
            },
        .listen = [](int, int, const char*, int port, int flags) { return self->add(port, flags); },
        .listen_packet = [](int, int, const char*, int port) { return self->add(port, -1); },
        .whois =
            [](int, long id, const char* address) {
              self->asked.emplace_back(id, address);
              return 0;
            },
        .certificate =
            [](int, long id, const char* domain) {
              self->wanted.emplace_back(id, domain);
              return 0;
            },
        .close =
            [](int) {
              ++self->closed;
              if (self->ends_at_once) self->stream.reset();
            },
    };
    return all;
  }

 private:
  int add(int port, int flags) {
    listeners.emplace_back(port, flags);
    auto [ours, theirs] = socket_pair(SOCK_SEQPACKET);
    ends.push_back(std::move(theirs));
    const int descriptor = ::dup(ours.get());
    return descriptor;
  }
};

}  // namespace evenkeel::test
