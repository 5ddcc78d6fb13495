// TLS with certificates made on the spot.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "shim/wire/server_fixture_test.h"
#include "shim/wire/tls_files.h"
#include "tests/support/temporary_directory.h"

namespace kubase::wire {
namespace {

struct KeyPair {
  std::string certificate;
  std::string key;
};

std::string Text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

// Self-signed, for "localhost", valid from now for an hour; its own CA.
KeyPair MakeKeyPair() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  for (const auto& [id, value] : {std::pair(NID_subject_alt_name, "DNS:localhost"),
                                  std::pair(NID_basic_constraints, "critical,CA:TRUE")}) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(certificate, key, EVP_sha256());
  BIO* certificate_text = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_text, certificate);
  BIO* key_text = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_text, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {Text(certificate_text), Text(key_text)};
}

std::string Write(const testing::TemporaryDirectory& files, const std::string& name,
                  const std::string& text) {
  std::ofstream(files.File(name)) << text;
  return files.File(name);
}

bool CanRange(const std::string& address, const grpc::SslCredentialsOptions& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("localhost");
  auto stub = pb::KV::NewStub(
      grpc::CreateCustomChannel(address, grpc::SslCredentials(credentials), arguments));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  pb::RangeRequest request;
  request.set_key("k");
  pb::RangeResponse response;
  return stub->Range(&context, request, &response).ok();
}

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

TEST_CASE("LoadTls: every mistake is named by its file") {
  const testing::TemporaryDirectory files;
  const KeyPair one = MakeKeyPair();
  const KeyPair other = MakeKeyPair();
  const std::string certificate = Write(files, "a.crt", one.certificate);
  const std::string key = Write(files, "a.key", one.key);
  const std::string wrong_key = Write(files, "b.key", other.key);
  const std::string garbage = Write(files, "garbage", "no PEM");
  CHECK(LoadTls({certificate, key, ""}).ok());
  CHECK(LoadTls({certificate, key, certificate}).ok());
  const auto message = [](const TlsFiles& broken) {
    const auto loaded = LoadTls(broken);
    REQUIRE_FALSE(loaded.ok());
    return loaded.error().message;
  };
  CHECK(message({certificate, wrong_key, ""}).find("b.key does not belong") != std::string::npos);
  CHECK(message({garbage, key, ""}).find("garbage holds no PEM certificate") != std::string::npos);
  CHECK(message({certificate, garbage, ""}).find("garbage holds no") != std::string::npos);
  CHECK(message({certificate, key, garbage}).find("garbage holds no") != std::string::npos);
  CHECK(message({certificate, "/no/such/file", ""}).find("/no/such/file") != std::string::npos);
  CHECK(message({"", key, ""}).find("certificate") != std::string::npos);
}

}  // namespace
}  // namespace kubase::wire
