// TLS with certificates made on the spot.
#include <catch2/catch.hpp>

#include "shim/wire/tls_fixture_test.h"
#include "shim/wire/tls_source.h"

namespace kubase::wire {
namespace {

TEST_CASE("Server: TLS serves those who trust it, and with a client CA only those it trusts") {
  const testing::TemporaryDirectory files;
  const KeyPair server = MakeKeyPair();
  const KeyPair client = MakeKeyPair();
  ServerOptions options;
  options.listen_addresses = {"127.0.0.1:0"};  // TLS, since there are files
  options.tls_certificate_file = Write(files, "server.crt", server.certificate);
  options.tls_key_file = Write(files, "server.key", server.key);
  {
    TestServer test(options);
    CHECK(CanRange(test.address(), {.pem_root_certs = server.certificate}));
    CHECK_FALSE(CanRange(test.address(), {.pem_root_certs = client.certificate}));
  }
  options.tls_client_ca_file = Write(files, "client-ca.crt", client.certificate);
  TestServer test(options);
  CHECK_FALSE(CanRange(test.address(), {.pem_root_certs = server.certificate}));
  CHECK(CanRange(test.address(), {.pem_root_certs = server.certificate,
                                  .pem_private_key = client.key,
                                  .pem_cert_chain = client.certificate}));
}

TEST_CASE("Server: TLS goes through a kubase that stands by to the one that leads") {
  const testing::TemporaryDirectory files;
  const KeyPair pair = MakeKeyPair();
  ServerOptions options;
  options.listen_addresses = {"127.0.0.1:0"};
  options.tls_certificate_file = Write(files, "server.crt", pair.certificate);
  options.tls_key_file = Write(files, "server.key", pair.key);
  constexpr int64_t kTerm = 12;
  TestServer leader(options, kTerm);
  const TestServer standby(options);
  standby.server->Hold(std::chrono::milliseconds(0));
  REQUIRE(standby.server->Forward({leader.address(), kTerm}).ok());
  CHECK(CanRange(standby.address(), {.pem_root_certs = pair.certificate}));
}

TEST_CASE("TlsSource: every mistake is named by its file") {
  const testing::TemporaryDirectory files;
  const auto log = LogTo([](LogLevel, const std::string&) {});
  const KeyPair one = MakeKeyPair();
  const KeyPair other = MakeKeyPair();
  const std::string certificate = Write(files, "a.crt", one.certificate);
  const std::string key = Write(files, "a.key", one.key);
  const std::string wrong_key = Write(files, "b.key", other.key);
  const std::string cut_off =
      Write(files, "cut.crt", one.certificate + other.certificate.substr(0, 200));
  const std::string garbage = Write(files, "garbage", "no PEM");
  CHECK(TlsSource::Open({certificate, key, ""}, *log).ok());
  CHECK(TlsSource::Open({certificate, key, certificate}, *log).ok());
  const auto message = [&](const TlsFiles& broken) {
    const auto loaded = TlsSource::Open(broken, *log);
    REQUIRE_FALSE(loaded.ok());
    return loaded.error().message;
  };
  CHECK(message({certificate, wrong_key, ""}).find("b.key does not belong") != std::string::npos);
  CHECK(message({garbage, key, ""}).find("garbage holds no PEM certificate") != std::string::npos);
  CHECK(message({cut_off, key, ""}).find("cut.crt holds a damaged") != std::string::npos);
  CHECK(message({certificate, garbage, ""}).find("garbage holds no") != std::string::npos);
  CHECK(message({certificate, key, garbage}).find("garbage holds no") != std::string::npos);
  CHECK(message({certificate, "/no/such/file", ""}).find("/no/such/file") != std::string::npos);
  CHECK(message({"", key, ""}).find("certificate") != std::string::npos);
}

}  // namespace
}  // namespace kubase::wire
