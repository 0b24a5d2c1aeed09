// Two ends of TLS with a wire in memory between them.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "evenkeel/tls.hpp"

#include "net/tls_acceptor.hpp"
#include "net/tls_client.hpp"
#include "net/tls_stream.hpp"

namespace evenkeel::testing {

inline CertificatePem certificate(const std::vector<std::string>& names) {
  auto made = make_self_signed(names, 30);
  REQUIRE(made);
  return *std::move(made);
}

inline std::shared_ptr<TlsServer> tls_server(std::vector<CertificatePem> certificates,
                                             TlsServerOptions options = {}) {
  auto made = TlsServer::make(std::move(options), std::move(certificates));
  REQUIRE(made);
  return *std::move(made);
}

// One end: reads what the other has pushed, at most `gulp` bytes at once.
class WireEnd final : public net::TlsLink {
 public:
  Result<std::size_t> pull(std::span<char> into) noexcept override {
    ++pulls;
    if (incoming.empty()) {
      if (ended) return 0;
      return std::unexpected(Error{ErrorCode::system, Fault::us, false, EAGAIN});
    }
    const std::size_t count = std::min({into.size(), incoming.size(), gulp});
    std::copy_n(incoming.begin(), count, into.begin());
    incoming.erase(0, count);
    return count;
  }
  bool push(std::string_view bytes) noexcept override {
    if (broken) return false;
    ++pushes;
    peer->incoming += bytes;
    return true;
  }

  WireEnd* peer = nullptr;
  std::string incoming;
  std::size_t gulp = 65'536;
  int pulls = 0;
  int pushes = 0;
  bool ended = false;   // FIN
  bool broken = false;  // takes nothing
};

struct TlsPair {
  TlsPair() {
    client_end.peer = &server_end;
    server_end.peer = &client_end;
  }
  void begin(net::TlsAcceptor& acceptor, net::SslPtr client_ssl) {
    server = net::TlsStream::make(acceptor.accept(), server_end);
    client = net::TlsStream::make(std::move(client_ssl), client_end);
    REQUIRE(server);
    REQUIRE(client);
  }
  // As far as it goes. True when both ends have done it.
  bool shake_hands() {
    using Step = net::TlsStream::Step;
    Step client_step = Step::wait;
    Step server_step = Step::wait;
    for (int i = 0; i < 100'000; ++i) {
      if (client_step == Step::wait) client_step = client->handshake();
      if (server_step == Step::wait) server_step = server->handshake();
      const bool waits = client_step == Step::wait || server_step == Step::wait;
      if (!waits || (client_end.incoming.empty() && server_end.incoming.empty())) break;
    }
    return client_step == Step::done && server_step == Step::done;
  }
  static std::string read(net::TlsStream& stream, std::size_t size = 65'536) {
    std::string text(size, '\0');
    const auto count = stream.read(text);
    if (!count) return "";
    text.resize(*count);
    return text;
  }
  static bool write(net::TlsStream& stream, std::string text) {
    std::array<char, 4'096> scratch;
    const iovec slice{text.data(), text.size()};
    return stream.write(std::span(&slice, 1), scratch).has_value();
  }

  WireEnd client_end;
  WireEnd server_end;
  std::unique_ptr<net::TlsStream> server;
  std::unique_ptr<net::TlsStream> client;
};

// A client that trusts just this one.
inline std::shared_ptr<const TlsClient> trusting(const CertificatePem& pem, const std::string& file) {
  std::FILE* out = std::fopen(file.c_str(), "w");
  REQUIRE(out != nullptr);
  std::fputs(pem.chain.c_str(), out);
  std::fclose(out);
  auto made = TlsClient::make({.ca = file});
  std::remove(file.c_str());
  REQUIRE(made);
  return *std::move(made);
}

}  // namespace evenkeel::testing
