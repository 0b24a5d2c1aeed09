// Who is shown which certificate, and who is believed.
#include <filesystem>
#include <fstream>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "net/tls_acceptor.hpp"
#include "net/tls_pair.hpp"

using namespace evenkeel;
using namespace evenkeel::net;
using testing::certificate;
using testing::tls_server;
using testing::TlsPair;

namespace {

// The first name of the certificate that a client sees who asks for `name`; empty when it sees none.
std::string shown_to(TlsAcceptor& acceptor, const std::string& name) {
  TlsConnector connector(nullptr);
  TlsConnector::SessionSlot slot;
  SslPtr ssl = connector.connect({.name = name, .validate = false}, slot);
  SSL* const raw = ssl.get();
  TlsPair pair;
  pair.begin(acceptor, std::move(ssl));
  if (!pair.shake_hands()) return "";
  const X509Ptr seen(SSL_get1_peer_certificate(raw));
  char text[128] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(seen.get()), NID_commonName, text, sizeof text);
  return text;
}

X509Ptr read_first(const CertificatePem& pem) {
  const BioPtr text(BIO_new_mem_buf(pem.chain.data(), static_cast<int>(pem.chain.size())));
  return X509Ptr(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
}

// A certificate for the name that `ca` has signed.
CertificatePem issued_by(const CertificatePem& ca, const std::string& name) {
  CertificatePem made = certificate({name});
  const X509Ptr issuer = read_first(ca);
  const X509Ptr leaf = read_first(made);
  const BioPtr text(BIO_new_mem_buf(ca.key.data(), static_cast<int>(ca.key.size())));
  const KeyPtr key(PEM_read_bio_PrivateKey(text.get(), nullptr, nullptr, nullptr));
  // It names its own key as the one that has signed it.
  const int own = X509_get_ext_by_NID(leaf.get(), NID_authority_key_identifier, -1);
  if (own >= 0) X509_EXTENSION_free(X509_delete_ext(leaf.get(), own));
  REQUIRE(X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer.get())) == 1);
  REQUIRE(X509_sign(leaf.get(), key.get(), EVP_sha256()) != 0);
  const BioPtr out(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_X509(out.get(), leaf.get()) == 1);
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(out.get(), &bytes);
  made.chain.assign(bytes, static_cast<std::size_t>(length));
  return made;
}

// Why a client does not believe the server; empty when it does.
std::string doubts(const std::shared_ptr<const TlsClient>& client, TlsAcceptor& acceptor,
                   const TlsPeer& peer) {
  TlsConnector connector(client);
  TlsConnector::SessionSlot slot;
  TlsPair pair;
  pair.begin(acceptor, connector.connect(peer, slot));
  if (pair.shake_hands()) return "";
  CHECK(pair.client->error().code == ErrorCode::tls_handshake_failed);
  CHECK(pair.client->error().fault == Fault::target);
  CHECK(pair.client->error().retry_safe);
  return pair.client->reason();
}

}  // namespace

TEST_CASE("the certificate is chosen by the name that the client asks for") {
  TlsAcceptor acceptor(tls_server({certificate({"one.test", "uno.test"}), certificate({"two.test"}),
                                   certificate({"*.wild.test"}), certificate({"exact.wild.test"})}));
  CHECK(shown_to(acceptor, "one.test") == "one.test");
  CHECK(shown_to(acceptor, "uno.test") == "one.test");
  CHECK(shown_to(acceptor, "TWO.test") == "two.test");
  CHECK(shown_to(acceptor, "any.wild.test") == "*.wild.test");
  CHECK(shown_to(acceptor, "exact.wild.test") == "exact.wild.test");
  CHECK(shown_to(acceptor, "a.b.wild.test") == "one.test");  // a wildcard is one label
  CHECK(shown_to(acceptor, "wild.test") == "one.test");
  CHECK(shown_to(acceptor, "other.test") == "one.test");
  CHECK(shown_to(acceptor, "127.0.0.1") == "one.test");
}

TEST_CASE("new clients see a new certificate, and those that were there go on") {
  auto server = tls_server({certificate({"old.test"})});
  TlsAcceptor acceptor(server);
  TlsConnector connector(nullptr);
  TlsConnector::SessionSlot slot;
  TlsPair there;
  there.begin(acceptor, connector.connect({.name = "old.test", .validate = false}, slot));
  TlsPair half_way;
  half_way.begin(acceptor, connector.connect({.name = "old.test", .validate = false}, slot));
  REQUIRE(there.shake_hands());
  (void)half_way.client->handshake();

  CHECK(server->replace({certificate({"new.test"})}) == true);
  CHECK(shown_to(acceptor, "new.test") == "new.test");
  CHECK(half_way.shake_hands());
  REQUIRE(TlsPair::write(*there.client, "still here"));
  CHECK(TlsPair::read(*there.server) == "still here");
}

TEST_CASE("certificates that cannot be used change nothing") {
  auto server = tls_server({certificate({"good.test"})});
  TlsAcceptor acceptor(server);
  CertificatePem mixed = certificate({"a.test"});
  mixed.key = certificate({"b.test"}).key;
  CHECK(server->replace({mixed}) ==
        std::unexpected(TlsFailure("certificate 1: the key belongs to another certificate")));
  CertificatePem no_key = certificate({"a.test"});
  no_key.key = "nothing";
  CHECK_FALSE(server->replace({no_key}));
  CertificatePem cut_short = certificate({"a.test"});
  cut_short.chain += cut_short.chain.substr(0, 200);
  CHECK_FALSE(server->replace({cut_short}));
  CHECK(shown_to(acceptor, "good.test") == "good.test");
  REQUIRE(server->certificates().size() == 1);
  CHECK(server->certificates().front().names == std::vector<std::string>{"good.test"});
}

TEST_CASE("the same certificates again are no change") {
  const CertificatePem pem = certificate({"a.test"});
  auto server = tls_server({pem});
  CHECK(server->replace({pem}) == false);
}

TEST_CASE("without a certificate yet nobody is let in") {
  auto server = tls_server({});
  TlsAcceptor acceptor(server);
  CHECK_FALSE(acceptor.accept());
  REQUIRE(server->replace({certificate({"a.test"})}));
  CHECK(shown_to(acceptor, "a.test") == "a.test");
}

TEST_CASE("a session is resumed whichever loop the client meets, and after the certificate changed") {
  auto server = tls_server({certificate({"a.test"})});
  TlsAcceptor one(server);
  TlsAcceptor other(server);
  TlsConnector connector(nullptr);
  TlsConnector::SessionSlot slot;
  const TlsPeer peer{.name = "a.test", .validate = false};
  const auto resumed = [&](TlsAcceptor& acceptor) {
    TlsPair pair;
    pair.begin(acceptor, connector.connect(peer, slot));
    REQUIRE(pair.shake_hands());
    (void)TlsPair::read(*pair.client);  // takes in the tickets
    CHECK(pair.server->is_resumed() == pair.client->is_resumed());
    return pair.server->is_resumed();
  };
  CHECK_FALSE(resumed(one));
  CHECK(resumed(one));
  CHECK(resumed(other));
  REQUIRE(server->replace({certificate({"a.test"})}));
  CHECK(resumed(other));
}

TEST_CASE("without a lifetime there are no sessions to resume") {
  TlsAcceptor acceptor(tls_server({certificate({"a.test"})}, {.session_lifetime = std::chrono::seconds(0)}));
  TlsConnector connector(nullptr);
  TlsConnector::SessionSlot slot;
  TlsPair pair;
  pair.begin(acceptor, connector.connect({.name = "a.test", .validate = false}, slot));
  REQUIRE(pair.shake_hands());
  (void)TlsPair::read(*pair.client);
  CHECK_FALSE(slot);
}

TEST_CASE("a target is believed when its chain, its name and its time are right") {
  const CertificatePem pem = certificate({"app.test", "10.0.0.7", "*.wild.test"});
  TlsAcceptor acceptor(tls_server({pem}));
  const auto client = testing::trusting(pem, "tls_trust_test.ca.pem");
  CHECK(doubts(client, acceptor, {.name = "app.test"}).empty());
  CHECK(doubts(client, acceptor, {.name = "10.0.0.7"}).empty());
  CHECK(doubts(client, acceptor, {.name = "x.wild.test"}).empty());
  CHECK(doubts(client, acceptor, {.name = "other.test"}) == "hostname mismatch");
  CHECK(doubts(client, acceptor, {.name = "10.0.0.8"}) == "IP address mismatch");
  CHECK(doubts(client, acceptor, {.name = "other.test", .validate = false}).empty());
  const auto stranger = testing::trusting(certificate({"app.test"}), "tls_trust_test.other.pem");
  CHECK_FALSE(doubts(stranger, acceptor, {.name = "app.test"}).empty());
  CHECK(doubts(nullptr, acceptor, {.name = "app.test"}) == "self-signed certificate");
}

TEST_CASE("a client is shown what the file holds, not the CA that clients are checked by") {
  const CertificatePem ca = certificate({"ca.test"});
  const std::string file = "tls_trust_test.client_ca.pem";
  std::ofstream(file) << ca.chain;
  const CertificatePem leaf = issued_by(ca, "a.test");
  TlsAcceptor acceptor(tls_server({leaf}, {.client_ca = file, .client_cert_required = false}));
  std::filesystem::remove(file);
  TlsConnector connector(nullptr);
  TlsConnector::SessionSlot slot;
  SslPtr ssl = connector.connect({.name = "a.test", .validate = false}, slot);
  SSL* const raw = ssl.get();
  TlsPair pair;
  pair.begin(acceptor, std::move(ssl));
  REQUIRE(pair.shake_hands());
  CHECK(sk_X509_num(SSL_get_peer_cert_chain(raw)) == 1);
}

TEST_CASE("a target without a name to check it by is not spoken to, unless nothing is to be checked") {
  TlsConnector connector(nullptr);
  TlsConnector::SessionSlot slot;
  CHECK_FALSE(connector.connect({.name = ""}, slot));
  CHECK(connector.connect({.name = "", .validate = false}, slot));
}

TEST_CASE("a version that is too old is refused") {
  TlsAcceptor acceptor(tls_server({certificate({"a.test"})}, {.min_version = TlsVersion::tls13}));
  TlsConnector connector(nullptr);
  TlsConnector::SessionSlot slot;
  SslPtr ssl = connector.connect({.name = "a.test", .validate = false}, slot);
  SSL_set_max_proto_version(ssl.get(), TLS1_2_VERSION);
  TlsPair pair;
  pair.begin(acceptor, std::move(ssl));
  CHECK_FALSE(pair.shake_hands());
}

TEST_CASE("a certificate tells its names and its end") {
  auto server = tls_server({certificate({"App.test", "10.0.0.1"}), certificate({"*.wild.test"})});
  const auto certificates = server->certificates();
  REQUIRE(certificates.size() == 2);
  CHECK(certificates[0].names == std::vector<std::string>{"app.test", "10.0.0.1"});
  CHECK(certificates[1].names == std::vector<std::string>{"*.wild.test"});
  const auto left = certificates[0].not_after - std::chrono::system_clock::now();
  CHECK(left > std::chrono::days(29));
  CHECK(left <= std::chrono::days(30));
}

TEST_CASE("of two self-signed certificates with one subject each is believed where both are trusted") {
  const CertificatePem one = certificate({"app.test"});
  const CertificatePem other = certificate({"app.test"});
  const CertificatePem both{one.chain + other.chain, ""};
  const auto client = testing::trusting(both, "tls_trust_test.both.pem");
  TlsAcceptor shows_one(tls_server({one}));
  TlsAcceptor shows_other(tls_server({other}));
  CHECK(doubts(client, shows_one, {.name = "app.test"}).empty());
  CHECK(doubts(client, shows_other, {.name = "app.test"}).empty());
}

TEST_CASE("self-signed certificates are for names and addresses, and nothing else") {
  CHECK(make_self_signed({"localhost", "127.0.0.1", "::1", "*.app.test"}, 1));
  CHECK_FALSE(make_self_signed({}, 1));
  for (const char* name : {"", "a b", "a,DNS:evil.test", "a\nb", "*", "a.*.b", "https://a", "a:80"}) {
    CAPTURE(name);
    CHECK_FALSE(make_self_signed({name}, 1));
  }
}
