// What a spec says about TLS: certificates, clients, targets.
#include <catch2/catch.hpp>

#include "config/syntax.hpp"
#include "spec.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::StartsWith;
using evenkeel::CertificateFiles;
using evenkeel::PortSpec;
using evenkeel::TlsClientOptions;
using evenkeel::TlsServerOptions;
using evenkeel::TlsVersion;
using Certificates = std::vector<CertificateFiles>;

namespace {

// An https port whose "tls" says only this.
std::string tls(std::string_view members) {
  return spec::https(R"("tls": {)" + std::string(members) + "}");
}
std::string certificates(std::string_view value) {
  return spec::port_at("443/https", R"("tls": {"certificates": )" + std::string(value) + "}");
}
std::string target(std::string_view value) {
  return spec::ports(R"("80/http": {"targets": [)" + std::string(value) + "]}");
}

constexpr const char* no_certificate =
    ": has no certificate; expected \"tls\": {\"certificates\": [{\"certificate\": PATH, \"key\": PATH}]}, "
    "here or further out; `evenkeel cert --self-signed NAME` makes one to try things out";

}  // namespace

TEST_CASE("an https port that names a certificate gets the defaults of the library") {
  const PortSpec port = spec::only_port(spec::https(""));
  TlsServerOptions defaults;
  defaults.certificates = {{"app.pem", "app.key"}};
  CHECK(port.tls == defaults);
  CHECK(port.tls.min_version == TlsVersion::tls12);
  CHECK(port.tls.client_ca.empty());
  CHECK(port.tls.session_lifetime == 2h);
  CHECK(port.tls.ticket_rotation == 12h);
  CHECK(port.target_tls == TlsClientOptions{});
  CHECK(port.http.hsts.empty());
  CHECK(port.http.timeouts.handshake == 10s);
  CHECK(port.strategy == "roundrobin");
  CHECK(port.health.type == evenkeel::CheckType::tcp);
}

TEST_CASE("every setting about TLS reaches its place") {
  const PortSpec port = spec::only_port(spec::port_at("443/https", R"(
    "tls": {"certificates": [{"certificate": "a.pem", "key": "a.key"}, {"key": "b.key", "certificate": "b.pem"}],
            "minVersion": "1.3", "clientCa": "ca.pem", "clientCertificates": "optional", "sessionLifetime": "1h",
            "ticketRotation": "1m"},
    "hsts": "max-age=31536000; includeSubDomains",
    "targetTls": {"ca": "inner.pem", "minVersion": "1.3"},
    "timeouts": {"handshake": "3s"})"));
  CHECK(port.tls ==
        TlsServerOptions{
            {{"a.pem", "a.key"}, {"b.pem", "b.key"}}, TlsVersion::tls13, "ca.pem", false, 1h, 1min});
  CHECK(port.http.hsts == "max-age=31536000; includeSubDomains");
  CHECK(port.target_tls == TlsClientOptions{"inner.pem", TlsVersion::tls13});
  CHECK(port.http.timeouts.handshake == 3s);
}

TEST_CASE("no file is looked at: that is for whoever runs the spec") {
  CHECK(spec::only_port(certificates(R"([{"certificate": "/nowhere/a", "key": "/nowhere/b"}])"))
            .tls.certificates == Certificates{{"/nowhere/a", "/nowhere/b"}});
}

TEST_CASE("an https port has a certificate, also when it only redirects") {
  CHECK(spec::error(spec::port_at("443/https", "")) == no_certificate);
  CHECK(spec::error(spec::ports(R"("443/https": {"redirect": "https://a/"})")) == no_certificate);
  CHECK(spec::error(spec::port_at("443/https", R"("tls": {"minVersion": "1.3"})")) == no_certificate);
  CHECK(spec::only_port(spec::certified(spec::ports(R"("443/https": {"redirect": "https://a/"})")))
            .http.redirect == "https://a/");
  // Whoever tried hears of the mistake alone.
  CHECK(spec::error(certificates("[]")) == "/tls/certificates: is empty; expected at least one certificate");
}

TEST_CASE("certificates are pairs of paths") {
  const std::string form = "; expected a path, such as \"/etc/evenkeel/app.pem\"";
  CHECK(spec::error(certificates("{}")) ==
        "/tls/certificates: is an object; expected an array of certificates, such as [{\"certificate\": "
        "\"app.pem\", \"key\": \"app.key\"}]");
  CHECK(spec::error(certificates(R"(["app.pem"])")) ==
        "/tls/certificates/0: is a string; expected an object with \"certificate\" and \"key\"");
  CHECK(spec::error(certificates(R"([{"certificate": "a"}])")) ==
        "/tls/certificates/0: has no \"key\"" + form);
  CHECK(spec::error(certificates(R"([{"key": "a"}])")) ==
        "/tls/certificates/0: has no \"certificate\"" + form);
  CHECK(spec::error(certificates(R"([{"certificate": "", "key": "a"}])")) ==
        "/tls/certificates/0/certificate: is \"\"" + form);
  CHECK(spec::error(certificates(R"([{"certificate": "a", "key": "b\u0000"}])")) ==
        "/tls/certificates/0/key: is \"b\\u0000\"" + form);
  CHECK(spec::error(certificates(R"([{"certificate": "a", "key": 1}])")) ==
        "/tls/certificates/0/key: is a number" + form);
  CHECK_THAT(spec::error(certificates(R"([{"certificate": "a", "key": "b", "kee": "c"}])")),
             StartsWith("/tls/certificates/0/kee: unknown key (did you mean \"key\"?)"));
  CHECK(spec::errors(certificates(R"([{}, 1])")).size() == 3);
}

TEST_CASE("certificates are inherited, and replaced whole") {
  const auto of = [](std::string_view top, std::string_view proxy, std::string_view port) {
    const auto level = [](std::string_view name) {
      return name.empty() ? std::string()
                          : R"("tls": {"certificates": [{"certificate": ")" + std::string(name) +
                                R"(", "key": "k"}]}, )";
    };
    return spec::only_port("{" + level(top) + R"("proxies": {"p": {)" + level(proxy) +
                           R"("ports": {"443/https": {)" + level(port) + R"("targets": ["a:1"]}}}}})");
  };
  CHECK(of("top", "", "").tls.certificates == Certificates{{"top", "k"}});
  CHECK(of("top", "proxy", "").tls.certificates == Certificates{{"proxy", "k"}});
  CHECK(of("top", "proxy", "port").tls.certificates == Certificates{{"port", "k"}});
  CHECK(of("top", "", "").places.certificates == "/tls/certificates");
  CHECK(of("top", "proxy", "").places.certificates == "/proxies/p/tls/certificates");
  CHECK(of("", "", "port").places.certificates == "/proxies/p/ports/443~1https/tls/certificates");
}

TEST_CASE("the rest of tls is merged key by key") {
  const PortSpec port = spec::only_port(
      R"({"tls": {"certificates": [{"certificate": "a", "key": "b"}], "minVersion": "1.3", "clientCa": "ca"},
          "targetTls": {"ca": "inner"}, "proxies": {"p": {"ports": {"443/https": {"targets": ["a:1"],
            "tls": {"clientCertificates": "optional"}, "targetTls": {"minVersion": "1.3"}}}}}})");
  CHECK(port.tls.certificates.size() == 1);
  CHECK(port.tls.min_version == TlsVersion::tls13);
  CHECK_FALSE(port.tls.client_cert_required);
  CHECK(port.target_tls == TlsClientOptions{"inner", TlsVersion::tls13});
  CHECK(port.places.client_ca == "/tls/clientCa");
  CHECK(port.places.target_ca == "/targetTls/ca");
}

TEST_CASE("versions and demands have two names each") {
  CHECK(spec::error(tls(R"("minVersion": "1.1")")) ==
        "/tls/minVersion: unknown version of TLS \"1.1\" (did you mean \"1.2\"?); expected one of \"1.2\", "
        "\"1.3\"");
  CHECK(spec::error(tls(R"("minVersion": 1.2)")) ==
        "/tls/minVersion: is a number; expected one of \"1.2\", \"1.3\"");
  CHECK(spec::error(tls(R"("clientCa": "ca", "clientCertificates": "never")")) ==
        "/tls/clientCertificates: unknown demand \"never\"; expected one of \"required\", \"optional\"");
  CHECK(spec::only_port(tls(R"("clientCa": "ca")")).tls.client_cert_required);
  CHECK(
      spec::only_port(tls(R"("clientCa": "ca", "clientCertificates": "required")")).tls.client_cert_required);
}

TEST_CASE("client certificates need those who sign them") {
  CHECK(spec::error(tls(R"("clientCertificates": "optional")")) ==
        "/tls/clientCertificates: has no meaning without \"clientCa\"; expected the CAs that sign them in "
        "\"clientCa\", or no \"clientCertificates\"");
  // Whoever inherits it does not mind, and a wrong clientCa is one mistake.
  CHECK(spec::config(
            R"({"tls": {"certificates": [{"certificate": "a", "key": "b"}], "clientCertificates": "optional"},
                "proxies": {"p": {"ports": {"443/https": {"targets": ["a:1"]}}}}})")
            .ports.size() == 1);
  CHECK(spec::error(tls(R"("clientCa": "", "clientCertificates": "optional")")) ==
        "/tls/clientCa: is \"\"; expected a path, such as \"/etc/evenkeel/app.pem\"");
}

TEST_CASE("tickets last whole seconds, or are not made") {
  CHECK(spec::only_port(tls(R"("sessionLifetime": "0s")")).tls.session_lifetime == 0s);
  CHECK(spec::only_port(tls(R"("sessionLifetime": "90s")")).tls.session_lifetime == 90s);
  CHECK(spec::error(tls(R"("sessionLifetime": "500ms")")) ==
        "/tls/sessionLifetime: is \"500ms\"; expected whole seconds, or \"0s\" for no tickets");
  for (const char* wrong : {"0s", "59s", "90500ms"}) {
    CAPTURE(wrong);
    CHECK(spec::error(tls(R"("ticketRotation": ")" + std::string(wrong) + "\"")) ==
          "/tls/ticketRotation: is \"" + std::string(wrong) + "\"; expected whole seconds, at least \"1m\"");
  }
}

TEST_CASE("hsts is a value of its field, or false") {
  CHECK(spec::only_port(R"({"hsts": "max-age=1", "tls": {"certificates": [{"certificate": "a", "key": "b"}]},
    "proxies": {"p": {"ports": {"443/https": {"targets": ["a:1"], "hsts": false}}}}})")
            .http.hsts.empty());
  const std::string form =
      "; expected a value of Strict-Transport-Security, such as \"max-age=31536000\", or false";
  CHECK(spec::error(spec::https(R"("hsts": "includeSubDomains")")) ==
        "/hsts: is \"includeSubDomains\"" + form);
  CHECK(spec::error(spec::https(R"("hsts": true)")) == "/hsts: is true" + form);
}

TEST_CASE("hsts has one max-age among its directives, and nothing that could end the field") {
  using evenkeel::config::is_hsts;
  for (const char* right : {"max-age=0", "Max-Age=31536000", "max-age=\"1\"",
                            " includeSubDomains ;max-age=1 ; preload", "max-age=1;"}) {
    CAPTURE(right);
    CHECK(is_hsts(right));
  }
  for (const char* wrong :
       {"", "max-age", "max-age=", "max-age=\"\"", "max-age=-1", "max-age=1d", "max-age=1;max-age=2",
        "x-max-age=1", "max-age=1\r\nX: y", "max-age=1\t", "max-age=1; \xc3\xa9"}) {
    CAPTURE(wrong);
    CHECK_FALSE(is_hsts(wrong));
  }
}

TEST_CASE("what is about TLS with clients is for https ports only") {
  CHECK(spec::error(spec::port(R"("tls": {})")) ==
        "/tls: has no meaning in an http port; expected no \"tls\", which is for https ports");
  CHECK(spec::error(spec::port(R"("hsts": "max-age=1")")) ==
        "/hsts: has no meaning in an http port; expected no \"hsts\", which is for https ports");
  CHECK(spec::error(spec::port(R"("timeouts": {"handshake": "1s"})")) ==
        "/timeouts/handshake: has no meaning in an http port; expected no \"handshake\", which is for https "
        "ports");
}

TEST_CASE("targetTls is for whatever has https targets") {
  CHECK(spec::only_port(spec::port(R"("targetTls": {"ca": "ca.pem"})")).target_tls.ca == "ca.pem");
  CHECK(spec::error(spec::tcp(R"("targetTls": {})")) ==
        "/targetTls: has no meaning in a tcp port; expected no \"targetTls\", which is for http and https "
        "ports");
  CHECK(spec::error(spec::ports(R"("80/http": {"redirect": "https://a/", "targetTls": {"ca": "x"}})")) ==
        "/targetTls: has no meaning beside \"redirect\"; expected no \"targetTls\", since a redirect has no "
        "targets");
}

TEST_CASE("an https target is checked by its host, unless it says otherwise") {
  const auto one = [](std::string_view value) { return spec::only_port(target(value)).targets.at(0); };
  CHECK(one(R"("https://a")").tls_validate);
  CHECK(one(R"("https://a")").server_name.empty());
  CHECK_FALSE(one(R"({"url": "https://a", "tlsValidate": false})").tls_validate);
  CHECK(one(R"({"url": "https://10.0.0.1:8443", "serverName": "App.Example"})").server_name == "app.example");
  CHECK(one(R"({"url": "https://a", "serverName": "0:0::1"})").server_name == "::1");
  CHECK(one(R"({"url": "https://a", "serverName": "10.0.0.1"})").server_name == "10.0.0.1");
  for (const char* wrong : {"", "a:1", "https://a", "[::1]", "a b", "*.a", "a/b", "a,b"}) {
    CAPTURE(wrong);
    CHECK(spec::error(target(R"({"url": "https://a", "serverName": ")" + std::string(wrong) + "\"}")) ==
          "/targets/0/serverName: is \"" + std::string(wrong) +
              "\"; expected a host name or an IP address, without a port");
  }
}

TEST_CASE("without an https URL there is nothing to check") {
  CHECK(spec::error(target(R"({"url": "http://a", "tlsValidate": false})")) ==
        "/targets/0/tlsValidate: has no meaning without an https URL; expected a \"url\" such as "
        "\"https://10.0.0.1:8443\", or no \"tlsValidate\"");
  for (const char* url : {"a:1", "http://a", "unix:/run/a"}) {
    CAPTURE(url);
    CHECK_THAT(spec::error(target(R"({"url": ")" + std::string(url) + R"(", "serverName": "a"})")),
               StartsWith("/targets/0/serverName: has no meaning without an https URL"));
  }
  CHECK(
      spec::errors(spec::tcp(R"("targets": [{"url": "tcp://a:1", "tlsValidate": true, "serverName": "a"}])"))
          .size() >= 1);
}
