// Certificates that are replaced while they are served.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <iterator>

#include "shim/wire/tls_fixture_test.h"
#include "shim/wire/tls_source.h"

namespace kubase::wire {
namespace {

ServerOptions TlsOptions(const testing::TemporaryDirectory& files) {
  ServerOptions options;
  options.listen_addresses = {"127.0.0.1:0"};
  options.tls_certificate_file = files.File("server.crt");
  options.tls_key_file = files.File("server.key");
  return options;
}

void WritePair(const testing::TemporaryDirectory& files, const KeyPair& pair) {
  Write(files, "server.crt", pair.certificate);
  Write(files, "server.key", pair.key);
}

TEST_CASE("Server: a replaced certificate is served to who comes, and open connections stay") {
  const testing::TemporaryDirectory files;
  const KeyPair old_pair = MakeKeyPair();
  const KeyPair new_pair = MakeKeyPair();
  WritePair(files, old_pair);
  TestServer test(TlsOptions(files));
  // Trusts the old one alone, so that it could not connect anew.
  const auto open = ConnectByTls(test.address(), {.pem_root_certs = old_pair.certificate});
  REQUIRE(CanRange(open));
  WritePair(files, new_pair);
  CHECK(CanRange(test.address(), {.pem_root_certs = new_pair.certificate}));
  CHECK_FALSE(CanRange(test.address(), {.pem_root_certs = old_pair.certificate}));
  CHECK(CanRange(open));
}

TEST_CASE("Server: files that cannot be used leave the old certificate, and are told once") {
  const testing::TemporaryDirectory files;
  const KeyPair old_pair = MakeKeyPair();
  const KeyPair new_pair = MakeKeyPair();
  WritePair(files, old_pair);
  TestServer test(TlsOptions(files));
  Write(files, "server.crt", new_pair.certificate);
  for (int i = 0; i < 3; ++i) {
    CHECK(CanRange(test.address(), {.pem_root_certs = old_pair.certificate}));
  }
  CHECK(test.CountLines("server.key does not belong to the certificate in") == 1);
  SECTION("also in a new term") {
    test.server->Hold(std::chrono::milliseconds(0));
    REQUIRE(test.server->Serve(test.store, 7).ok());
    CHECK(CanRange(test.address(), {.pem_root_certs = old_pair.certificate}));
    CHECK(test.CountLines("server.key does not belong to the certificate in") == 1);
  }
  SECTION("until they are complete") {
    Write(files, "server.key", new_pair.key);
    CHECK(CanRange(test.address(), {.pem_root_certs = new_pair.certificate}));
    CHECK(test.CountLines("TLS certificate was replaced") == 1);
  }
  SECTION("or taken away") {
    std::filesystem::remove(files.File("server.key"));
    CHECK(CanRange(test.address(), {.pem_root_certs = old_pair.certificate}));
    CHECK(test.CountLines("cannot read the key file " + files.File("server.key")) == 1);
  }
}

TEST_CASE("Server: clients are judged by the client CA that is in its file now") {
  const testing::TemporaryDirectory files;
  const KeyPair server = MakeKeyPair();
  WritePair(files, server);
  ServerOptions options = TlsOptions(files);
  const KeyPair old_client = MakeKeyPair();
  const KeyPair new_client = MakeKeyPair();
  options.tls_client_ca_file = Write(files, "client-ca.crt", old_client.certificate);
  TestServer test(options);
  const auto can_range = [&](const KeyPair& client) {
    return CanRange(test.address(), {.pem_root_certs = server.certificate,
                                     .pem_private_key = client.key,
                                     .pem_cert_chain = client.certificate});
  };
  CHECK(can_range(old_client));
  CHECK_FALSE(can_range(new_client));
  Write(files, "client-ca.crt", new_client.certificate);
  CHECK(can_range(new_client));
  CHECK_FALSE(can_range(old_client));
  Write(files, "client-ca.crt", "");
  CHECK(can_range(new_client));
  CHECK_FALSE(can_range(old_client));
  CHECK_FALSE(CanRange(test.address(), {.pem_root_certs = server.certificate}));
}

TEST_CASE("TlsSource: a pipe is read once") {
  const testing::TemporaryDirectory files;
  const KeyPair pair = MakeKeyPair();
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  REQUIRE(write(ends[1], pair.key.data(), pair.key.size()) == std::ssize(pair.key));
  close(ends[1]);
  long lines = 0;
  const auto log = LogTo([&lines](LogLevel, const std::string&) { ++lines; });
  const auto source = TlsSource::Open({.certificate = Write(files, "a.crt", pair.certificate),
                                       .key = "/dev/fd/" + std::to_string(ends[0])},
                                      *log);
  REQUIRE(source.ok());
  CHECK((*source)->Get()->key == pair.key);
  CHECK(lines == 0);
  close(ends[0]);
}

}  // namespace
}  // namespace kubase::wire
