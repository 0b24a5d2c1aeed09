// What the command makes of certificates: loading, telling, warning.
#include "evenkeel/tls.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "evenkeel/config.hpp"

#include "certificate_text.hpp"
#include "port_tls.hpp"
#include "tls_report.hpp"

using namespace evenkeel;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using std::chrono::sys_days;

namespace {

// A directory with the pairs a.pem and a.key, b.pem and b.key.
class Files {
 public:
  Files() {
    std::string name = (std::filesystem::temp_directory_path() / "evenkeel-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    for (const std::string pair : {"a", "b"}) {
      const auto made = make_self_signed({pair + ".test", "10.0.0.1"}, 30);
      REQUIRE(made);
      write(pair + ".pem", made->chain);
      write(pair + ".key", made->key);
    }
  }
  ~Files() { std::filesystem::remove_all(directory_); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
  [[nodiscard]] std::string pair(const std::string& certificate, const std::string& key) const {
    return R"({"certificate": ")" + path(certificate) + R"(", "key": ")" + path(key) + "\"}";
  }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }

 private:
  std::string directory_;
};

// The first port of a spec whose "tls" has these certificates, and `more`.
PortSpec https(const std::string& certificates, const std::string& more = "",
               const std::string& port_more = "") {
  const auto config =
      parse_config(R"({"proxies": {"p": {"tls": {"certificates": [)" + certificates + "]" + more +
                   R"(}, "ports": {"443/https": {"targets": ["a:1"])" + port_more + "}}}}}");
  REQUIRE(config);
  return config->ports.front();
}

std::vector<SpecError> mistakes_of(const PortSpec& port) {
  std::vector<SpecError> mistakes;
  cli::load_tls(port, mistakes);
  return mistakes;
}

}  // namespace

TEST_CASE("a certificate in words") {
  const CertificateInfo certificate{{"app.example.com", "*.example.com"}, sys_days(2027y / 1 / 31) + 23h};
  CHECK(cli::names_text(certificate) == "app.example.com, *.example.com");
  CHECK(cli::date_text(certificate.not_after) == "2027-01-31");
}

TEST_CASE("a certificate is warned of from fourteen days before its end") {
  const CertificateInfo certificate{{"a"}, sys_days(2027y / 1 / 31) + 12h};
  const auto warning = [&](std::chrono::sys_seconds now) { return cli::expiry_warning(certificate, now); };
  CHECK(warning(sys_days(2027y / 1 / 17) + 11h).empty());
  CHECK(warning(sys_days(2027y / 1 / 17) + 12h) == "expires on 2027-01-31");
  CHECK(warning(sys_days(2027y / 1 / 31) + 12h) == "expires on 2027-01-31");
  CHECK(warning(sys_days(2027y / 1 / 31) + 13h) == "expired on 2027-01-31");
}

TEST_CASE("only what a port needs is loaded") {
  const Files files;
  std::vector<SpecError> mistakes;
  const auto tls = cli::load_tls(https(files.pair("a.pem", "a.key")), mistakes);
  CHECK(tls.server);
  CHECK_FALSE(tls.client);  // the system's CAs are the default
  auto strict = https(files.pair("a.pem", "a.key"), "", R"(, "targetTls": {"minVersion": "1.3"})");
  CHECK(cli::load_tls(strict, mistakes).client);
  strict.targets.clear();  // as if it redirected
  CHECK_FALSE(cli::load_tls(strict, mistakes).client);
  auto http = https(files.pair("a.pem", "missing"));
  http.protocol = Protocol::http;
  CHECK_FALSE(cli::load_tls(http, mistakes).server);
  CHECK(mistakes.empty());
}

TEST_CASE("every file that cannot be used is told, by its place in the spec") {
  const Files files;
  files.write("empty", "");
  const auto port = https(files.pair("missing.pem", "a.key") + "," + files.pair("a.pem", "a.key") + "," +
                              files.pair("a.pem", "missing.key") + "," + files.pair("a.pem", "b.key"),
                          R"(, "clientCa": ")" + files.path("empty") + "\"",
                          R"(, "targetTls": {"ca": ")" + files.path("a.key") + "\"}");
  const auto mistakes = mistakes_of(port);
  REQUIRE(mistakes.size() == 5);
  CHECK(mistakes[0].pointer == "/proxies/p/tls/certificates/0");
  CHECK(mistakes[0].problem == files.path("missing.pem") + ": No such file or directory");
  CHECK(mistakes[0].expected == "a certificate and its key, in PEM files that this user may read");
  CHECK(mistakes[1].pointer == "/proxies/p/tls/certificates/2/key");
  CHECK(mistakes[1].problem == files.path("missing.key") + ": No such file or directory");
  CHECK(mistakes[2].pointer == "/proxies/p/tls/certificates/3");
  CHECK(mistakes[2].problem == files.path("a.pem") + ": the key belongs to another certificate");
  CHECK(mistakes[3].pointer == "/proxies/p/tls/clientCa");
  CHECK_THAT(mistakes[3].problem, StartsWith(files.path("empty") + ": "));
  CHECK(mistakes[3].expected == "the certificates of CAs, in a PEM file that this user may read");
  CHECK(mistakes[4].pointer == "/proxies/p/ports/443~1https/targetTls/ca");
  CHECK_THAT(mistakes[4].problem, Contains("holds no certificate in PEM"));
}

TEST_CASE("an https port tells its TLS in a line, and programs as JSON") {
  const Files files;
  std::vector<SpecError> mistakes;
  const auto plain = https(files.pair("a.pem", "a.key"));
  const auto loaded = cli::load_tls(plain, mistakes);
  const std::string text = cli::tls_text(plain, loaded);
  CHECK_THAT(text, StartsWith("TLS 1.2 or newer, certificate for a.test, 10.0.0.1 until 2"));
  CHECK_THAT(text, !Contains("client") && !Contains("HSTS"));
  CHECK(cli::target_tls_text(plain, loaded).empty());

  const auto full = https(files.pair("a.pem", "a.key"),
                          R"(, "minVersion": "1.3", "sessionLifetime": "0s", "clientCa": ")" +
                              files.path("b.pem") + R"(", "clientCertificates": "optional")",
                          R"(, "hsts": "max-age=5", "targetTls": {"ca": ")" + files.path("b.pem") + "\"}");
  const auto tls = cli::load_tls(full, mistakes);
  CHECK(mistakes.empty());
  CHECK_THAT(cli::tls_text(full, tls),
             Contains(", client certificates optional, no session tickets, HSTS max-age=5"));
  CHECK(cli::target_tls_text(full, tls) == "https targets by " + files.path("b.pem") + ", TLS 1.2 or newer");
  const auto json = cli::tls_json(full, tls);
  CHECK(json.at("min_version") == "1.3");
  CHECK(json.at("client_certificates") == "optional");
  CHECK(json.at("session_lifetime_ms") == 0);
  CHECK(json.at("hsts") == "max-age=5");
  CHECK(json.at("certificates").at(0).at("names").dump() == R"(["a.test","10.0.0.1"])");
  CHECK(json.at("certificates").at(0).at("certificate") == files.path("a.pem"));
  CHECK(cli::target_tls_json(full, tls).at("ca") == files.path("b.pem"));
}

TEST_CASE("ports without TLS tell nothing of it") {
  const PortSpec http;
  CHECK(cli::tls_text(http, {}).empty());
  CHECK(cli::tls_json(http, {}).is_null());
  CHECK(cli::target_tls_json(http, {}).is_null());
}
