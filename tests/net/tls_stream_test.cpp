#include "net/tls_stream.hpp"

#include <openssl/err.h>

#include "net/tls_pair.hpp"

using namespace evenkeel;
using namespace evenkeel::net;
using testing::TlsPair;

namespace {

struct Established {
  Established() {
    pair.begin(acceptor, connector.connect({.name = "app.test", .validate = false}, slot));
    REQUIRE(pair.shake_hands());
  }
  TlsConnector::SessionSlot slot;  // before the streams that put sessions into it
  TlsAcceptor acceptor{testing::tls_server({testing::certificate({"app.test"})})};
  TlsConnector connector{nullptr};
  TlsPair pair;
};

Error error_of(TlsStream& stream) {
  char byte = 0;
  const auto count = stream.read({&byte, 1});
  REQUIRE_FALSE(count);
  return count.error();
}

}  // namespace

TEST_CASE("bytes go both ways, and nothing is on the wire in the clear") {
  Established e;
  REQUIRE(TlsPair::write(*e.pair.client, "a secret question"));
  CHECK_FALSE(e.pair.server_end.incoming.contains("secret"));
  CHECK(TlsPair::read(*e.pair.server) == "a secret question");
  REQUIRE(TlsPair::write(*e.pair.server, "an answer"));
  CHECK(TlsPair::read(*e.pair.client) == "an answer");
}

TEST_CASE("a handshake works however its bytes are cut") {
  TlsConnector::SessionSlot slot;
  TlsAcceptor acceptor(testing::tls_server({testing::certificate({"app.test"})}));
  TlsConnector connector(nullptr);
  TlsPair pair;
  pair.client_end.gulp = pair.server_end.gulp = 1;
  pair.begin(acceptor, connector.connect({.name = "app.test", .validate = false}, slot));
  CHECK(pair.shake_hands());
}

TEST_CASE("a small message is one pull and one record") {
  Established e;
  (void)TlsPair::read(*e.pair.client);  // session tickets
  REQUIRE(TlsPair::write(*e.pair.client, "GET / HTTP/1.1\r\n\r\n"));
  e.pair.server_end.pulls = 0;
  CHECK(TlsPair::read(*e.pair.server).size() == 18);
  CHECK(e.pair.server_end.pulls == 1);
  e.pair.server_end.pushes = 0;
  std::string head = "HTTP/1.1 200 OK\r\n";
  std::string fields = "Content-Length: 2\r\n\r\n";
  std::string body = "ok";
  const iovec slices[] = {
      {head.data(), head.size()}, {fields.data(), fields.size()}, {body.data(), body.size()}};
  std::array<char, 4'096> scratch;
  REQUIRE(e.pair.server->write(slices, scratch));
  CHECK(e.pair.server_end.pushes == 1);
  CHECK(TlsPair::read(*e.pair.client) == head + fields + body);
}

TEST_CASE("what does not fit into one read is there for the next, without a pull") {
  Established e;
  REQUIRE(TlsPair::write(*e.pair.client, std::string(10'000, 'x')));
  CHECK(TlsPair::read(*e.pair.server, 4'000).size() == 4'000);
  CHECK(e.pair.server->has_more());
  CHECK(TlsPair::read(*e.pair.server, 6'000).size() == 6'000);
  CHECK(error_of(*e.pair.server).os_error == EAGAIN);
  CHECK_FALSE(e.pair.server->has_more());
}

TEST_CASE("a long write of mixed slices arrives whole and in order") {
  Established e;
  std::string whole;
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < 40; ++i)
    parts.emplace_back(i * i * 37 % 30'000, static_cast<char>('a' + i % 26));
  std::vector<iovec> slices;
  for (std::string& part : parts) {
    slices.push_back({part.data(), part.size()});
    whole += part;
  }
  std::array<char, 4'096> scratch;
  REQUIRE(e.pair.server->write(slices, scratch));
  std::string got;
  for (std::string more; !(more = TlsPair::read(*e.pair.client)).empty();) got += more;
  CHECK(got == whole);
}

TEST_CASE("the end that the peer announces is the end, and the other direction goes on") {
  Established e;
  REQUIRE(TlsPair::write(*e.pair.client, "last words"));
  e.pair.client->shut_write();
  e.pair.server_end.ended = true;
  CHECK(TlsPair::read(*e.pair.server) == "last words");
  CHECK(e.pair.server->has_more());  // the end is news
  char byte = 0;
  CHECK(e.pair.server->read({&byte, 1}) == 0U);
  REQUIRE(TlsPair::write(*e.pair.server, "a late answer"));
  CHECK(TlsPair::read(*e.pair.client) == "a late answer");
}

TEST_CASE("an end that a target does not announce is a cut") {
  Established e;
  (void)TlsPair::read(*e.pair.client);
  e.pair.client_end.ended = true;
  CHECK(error_of(*e.pair.client).code == ErrorCode::connection_reset);
  CHECK(error_of(*e.pair.client).code == ErrorCode::connection_reset);
}

TEST_CASE("of a client the bare end is one: HTTP says how long a request is") {
  Established e;
  e.pair.server_end.ended = true;
  char byte = 0;
  CHECK(e.pair.server->read({&byte, 1}) == 0U);
}

TEST_CASE("a record that was tampered with ends it") {
  Established e;
  REQUIRE(TlsPair::write(*e.pair.client, "pay 10"));
  e.pair.server_end.incoming.back() ^= 1;
  CHECK(error_of(*e.pair.server).code == ErrorCode::bad_tls);
  CHECK_FALSE(TlsPair::write(*e.pair.server, "too late"));
}

TEST_CASE("garbage is no handshake, and HTTP is told from it") {
  const auto fail_with = [](std::string_view bytes, bool is_http) {
    CAPTURE(bytes);
    TlsAcceptor acceptor(testing::tls_server({testing::certificate({"app.test"})}));
    TlsPair pair;
    pair.server = TlsStream::make(acceptor.accept(), pair.server_end);
    pair.server_end.incoming = bytes;
    REQUIRE(pair.server->handshake() == TlsStream::Step::failed);
    CHECK(pair.server->error().code == ErrorCode::tls_handshake_failed);
    CHECK(pair.server->error().fault == Fault::client);
    CHECK(pair.server->is_plain_http() == is_http);
    CHECK(pair.server->handshake() == TlsStream::Step::failed);
  };
  fail_with(std::string(300, '\x7f'), false);
  fail_with("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true);
  fail_with("POST /x HTTP/1.1\r\nHost: a\r\n\r\n", true);
}

TEST_CASE("a wire that breaks while writing is an error, once and for all") {
  Established e;
  e.pair.server_end.broken = true;
  CHECK_FALSE(TlsPair::write(*e.pair.server, "x"));
  e.pair.server_end.broken = false;
  CHECK_FALSE(TlsPair::write(*e.pair.server, "x"));
}

TEST_CASE("errors that somebody else left with OpenSSL are not taken for ours") {
  Established e;
  ERR_put_error(ERR_LIB_SSL, 0, SSL_R_BAD_LENGTH, __FILE__, __LINE__);
  CHECK(error_of(*e.pair.server).os_error == EAGAIN);
  REQUIRE(TlsPair::write(*e.pair.client, "fine"));
  ERR_put_error(ERR_LIB_SSL, 0, SSL_R_BAD_LENGTH, __FILE__, __LINE__);
  CHECK(TlsPair::read(*e.pair.server) == "fine");
}
