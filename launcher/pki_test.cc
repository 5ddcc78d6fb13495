// Certificates are judged by OpenSSL's own verification, not by the code that made them.
#include "launcher/pki.h"

#include <openssl/pem.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "launcher/certificates.h"
#include "launcher/files.h"
#include "launcher/test_directory.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;

constexpr hours kDay{24};

X509Certificate Load(const fs::path& path) {
  return std::move(CertificateFromPem(*ReadWholeFile(path))).value();
}

// What a TLS peer does at `when`: chain, dates, purpose and, when given, the name.
bool Verifies(const fs::path& leaf, const fs::path& ca, int purpose, WallTime when,
              const std::string& host = "") {
  const X509Certificate certificate = Load(leaf);
  const X509Certificate issuer = Load(ca);
  const X509Trust trust(X509_STORE_new());
  X509_STORE_add_cert(trust.get(), issuer.get());
  const X509Verification verification(X509_STORE_CTX_new());
  X509_STORE_CTX_init(verification.get(), trust.get(), certificate.get(), nullptr);
  X509_STORE_CTX_set_time(verification.get(), 0, std::chrono::system_clock::to_time_t(when));
  X509_STORE_CTX_set_purpose(verification.get(), purpose);
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(verification.get());
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
  if (!host.empty() && X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) != 1) {
    X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size());
  }
  return X509_verify_cert(verification.get()) == 1;
}

std::string Subject(const fs::path& path) {
  const X509Certificate certificate = Load(path);
  char* text = X509_NAME_oneline(X509_get_subject_name(certificate.get()), nullptr, 0);
  const std::string subject = text;
  OPENSSL_free(text);
  return subject;
}

void Write(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

std::vector<std::string> Issued(const Pki& pki) {
  std::vector<std::string> names;
  for (const CertificateFile& file : pki.All()) {
    if (!file.issued_because.empty()) names.push_back(file.name);
  }
  return names;
}

struct PkiFixture {
  TestDirectory directory;
  ManualClock clock;
  PkiOptions options;

  PkiFixture() { options.directory = directory / "pki"; }
  Pki Ensure() {
    Result<Pki> pki = EnsurePki(options, clock);
    if (!pki.ok()) FAIL(pki.error().message);
    return std::move(pki).value();
  }
  Error EnsureError() {
    const Result<Pki> pki = EnsurePki(options, clock);
    REQUIRE_FALSE(pki.ok());
    return pki.error();
  }
};

TEST_CASE("EnsurePki: every leaf verifies for its use and no other, and says who it is") {
  PkiFixture f;
  const Pki pki = f.Ensure();
  const WallTime now = f.clock.WallNow();
  const fs::path& ca = pki.ca.certificate;
  CHECK(Verifies(pki.apiserver.certificate, ca, X509_PURPOSE_SSL_SERVER, now));
  CHECK_FALSE(Verifies(pki.apiserver.certificate, ca, X509_PURPOSE_SSL_CLIENT, now));
  for (const CertificateFile* client :
       {&pki.apiserver_kubelet_client, &pki.admin, &pki.controller_manager, &pki.scheduler}) {
    CHECK(Verifies(client->certificate, ca, X509_PURPOSE_SSL_CLIENT, now));
    CHECK_FALSE(Verifies(client->certificate, ca, X509_PURPOSE_SSL_SERVER, now));
  }
  const fs::path& proxy = pki.front_proxy_client.certificate;
  CHECK(Verifies(proxy, pki.front_proxy_ca.certificate, X509_PURPOSE_SSL_CLIENT, now));
  CHECK_FALSE(Verifies(proxy, ca, X509_PURPOSE_SSL_CLIENT, now));
  CHECK(Subject(pki.admin.certificate) == "/O=system:masters/CN=kubernetes-admin");
  CHECK(Subject(pki.controller_manager.certificate) == "/CN=system:kube-controller-manager");
  CHECK(Subject(pki.scheduler.certificate) == "/CN=system:kube-scheduler");
}

TEST_CASE("EnsurePki: the serving certificate has the names clients use") {
  PkiFixture f;
  f.options.bind_address = "192.0.2.7";
  f.options.host_name = "Box-1";
  const Pki pki = f.Ensure();
  for (const char* name : {"kubernetes", "kubernetes.default.svc.cluster.local", "localhost",
                           "127.0.0.1", "::1", "10.96.0.1", "192.0.2.7", "box-1"}) {
    INFO(name);
    CHECK(Verifies(pki.apiserver.certificate, pki.ca.certificate, X509_PURPOSE_SSL_SERVER,
                   f.clock.WallNow(), name));
  }
  CHECK_FALSE(Verifies(pki.apiserver.certificate, pki.ca.certificate, X509_PURPOSE_SSL_SERVER,
                       f.clock.WallNow(), "192.0.2.8"));
}

TEST_CASE("EnsurePki: a host name that DNS forbids is left out, a bad address is refused") {
  PkiFixture f;
  f.options.host_name = "my_box";
  f.Ensure();
  f.options.bind_address = "DNS:evil,IP:1.2.3.4";
  CHECK(f.EnsureError().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("EnsurePki: dates are ten years and one, from five minutes ago") {
  PkiFixture f;
  const Pki pki = f.Ensure();
  const WallTime now = std::chrono::floor<std::chrono::seconds>(f.clock.WallNow());
  CHECK(pki.ca.not_after == now + 3650 * kDay);
  CHECK(pki.admin.not_after == now + 365 * kDay);
  CHECK(NotBefore(*Load(pki.admin.certificate)) == now - std::chrono::minutes(5));
  // A clock that was ahead when the CA was made does not make it wait.
  CHECK(NotBefore(*Load(pki.ca.certificate)) == now - 365 * kDay);
}

TEST_CASE("EnsurePki: keys are private, certificates are readable") {
  PkiFixture f;
  const Pki pki = f.Ensure();
  CHECK(ModeOf(f.options.directory) == 0700);
  for (const CertificateFile& file : pki.All()) {
    CHECK(ModeOf(file.key) == 0600);
    CHECK(ModeOf(file.certificate) == 0644);
  }
  CHECK(ModeOf(pki.service_account_private_key) == 0600);
}

TEST_CASE("EnsurePki: a second start issues nothing") {
  PkiFixture f;
  CHECK(Issued(f.Ensure()).size() == 8);
  const Pki second = f.Ensure();
  CHECK(Issued(second).empty());
  CHECK(second.admin.not_after > f.clock.WallNow());
}

TEST_CASE("EnsurePki: leaves are renewed when less than a third of their life is left") {
  PkiFixture f;
  const Pki first = f.Ensure();
  const std::string ca = *ReadWholeFile(first.ca.certificate);
  f.clock.Advance(240 * kDay);
  CHECK(Issued(f.Ensure()).empty());
  f.clock.Advance(5 * kDay);
  const Pki renewed = f.Ensure();
  CHECK(Issued(renewed).size() == 6);
  CHECK(renewed.admin.issued_because == "it expires soon");
  CHECK(*ReadWholeFile(first.ca.certificate) == ca);
  CHECK(Verifies(renewed.admin.certificate, renewed.ca.certificate, X509_PURPOSE_SSL_CLIENT,
                 f.clock.WallNow() + 300 * kDay));
}

TEST_CASE("EnsurePki: a CA is renewed for its key before the end of its last third") {
  PkiFixture f;
  const Pki first = f.Ensure();
  const fs::path old_ca = f.directory / "old-ca.crt";
  fs::copy_file(first.ca.certificate, old_ca);
  const std::string key = *ReadWholeFile(first.ca.key);
  f.clock.Advance(2430 * kDay);
  CHECK(f.Ensure().ca.issued_because.empty());
  f.clock.Advance(5 * kDay);
  const Pki renewed = f.Ensure();
  CHECK(renewed.ca.issued_because == "it expires soon");
  CHECK(renewed.front_proxy_ca.issued_because == "it expires soon");
  CHECK(renewed.ca.not_after == first.ca.not_after + 2435 * kDay);
  CHECK(NotBefore(*Load(renewed.ca.certificate)) == NotBefore(*Load(old_ca)));
  CHECK(*ReadWholeFile(renewed.ca.key) == key);
  CHECK(Issued(f.Ensure()).empty());
  // Who trusts the old certificate still trusts what the new one signs.
  const Result<IssuedCertificate> issued =
      IssueClientCertificate(f.options.directory, {.user = "ann"}, f.clock);
  REQUIRE(issued.ok());
  const fs::path ann = f.directory / "ann.crt";
  Write(ann, issued->certificate);
  for (const fs::path& ca : {old_ca, renewed.ca.certificate}) {
    CHECK(Verifies(renewed.apiserver.certificate, ca, X509_PURPOSE_SSL_SERVER, f.clock.WallNow()));
    CHECK(Verifies(ann, ca, X509_PURPOSE_SSL_CLIENT, f.clock.WallNow()));
  }
}

TEST_CASE("EnsurePki: a CA that was made with a clock years behind heals, tokens stay good") {
  PkiFixture f;
  const Pki first = f.Ensure();
  const std::string tokens = *ReadWholeFile(first.service_account_private_key);
  f.clock.Advance(20'000 * kDay);
  const Pki healed = f.Ensure();
  CHECK(healed.ca.issued_because == "it has expired");
  CHECK(Issued(healed).size() == 8);
  CHECK(Verifies(healed.apiserver.certificate, healed.ca.certificate, X509_PURPOSE_SSL_SERVER,
                 f.clock.WallNow()));
  CHECK(*ReadWholeFile(first.service_account_private_key) == tokens);
  CHECK(Issued(f.Ensure()).empty());
  // Should it have been this clock that was wrong: the CA is as good as before by the right one.
  f.clock.Advance(-20'000 * kDay);
  f.Ensure();
  CHECK(Verifies(healed.apiserver.certificate, healed.ca.certificate, X509_PURPOSE_SSL_SERVER,
                 f.clock.WallNow()));
}

TEST_CASE("EnsurePki: a CA that is not valid yet is told, and heals when it is moved away") {
  PkiFixture f;
  f.clock.Advance(20'000 * kDay);
  const Pki ahead = f.Ensure();
  f.clock.Advance(-20'000 * kDay);
  const Error error = f.EnsureError();
  CHECK(error.code == ErrorCode::kUnsupported);
  CHECK(error.message.find("clock") != std::string::npos);
  CHECK(error.message.find(ahead.ca.certificate.string()) != std::string::npos);
  fs::remove(ahead.ca.certificate);
  fs::remove(ahead.front_proxy_ca.certificate);
  const Pki healed = f.Ensure();
  CHECK(Verifies(healed.apiserver.certificate, healed.ca.certificate, X509_PURPOSE_SSL_SERVER,
                 f.clock.WallNow()));
}

TEST_CASE("EnsurePki: a CA of somebody else's is used and never renewed, and its end is told") {
  PkiFixture f;
  fs::create_directory(f.options.directory);
  const CertificateSpec spec{.use = CertificateUse::kAuthority,
                             .common_name = "Example Corporation",
                             .valid_for = 600 * kDay};
  const KeyPair theirs =
      std::move(IssueCertificate(spec, std::move(MakeEcKey()).value(), nullptr, f.clock.WallNow()))
          .value();
  Write(f.options.directory / "ca.crt", *CertificateToPem(*theirs.certificate));
  Write(f.options.directory / "ca.key", *PrivateKeyToPem(*theirs.key));
  const Pki first = f.Ensure();
  CHECK(first.ca.issued_because.empty());
  f.clock.Advance(590 * kDay);
  const Pki last = f.Ensure();
  CHECK(last.ca.issued_because.empty());
  CHECK(last.admin.not_after == first.ca.not_after);
  f.clock.Advance(11 * kDay);
  const Error error = f.EnsureError();
  CHECK(error.code == ErrorCode::kUnsupported);
  CHECK(error.message.find("has expired") != std::string::npos);
}

TEST_CASE("EnsurePki: a CA that only reads like ours is not renewed: Go compares names by bytes") {
  PkiFixture f;
  fs::create_directory(f.options.directory);
  const CertificateSpec spec{
      .use = CertificateUse::kAuthority, .common_name = "kubernetes", .valid_for = 600 * kDay};
  const KeyPair theirs =
      std::move(IssueCertificate(spec, std::move(MakeEcKey()).value(), nullptr, f.clock.WallNow()))
          .value();
  X509* const certificate = theirs.certificate.get();
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_ENTRY_free(X509_NAME_delete_entry(name, 0));
  const auto* const text = reinterpret_cast<const unsigned char*>("kubernetes");
  X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_PRINTABLESTRING, text, -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  REQUIRE(X509_sign(certificate, theirs.key.get(), EVP_sha256()) > 0);
  Write(f.options.directory / "ca.crt", *CertificateToPem(*certificate));
  Write(f.options.directory / "ca.key", *PrivateKeyToPem(*theirs.key));
  CHECK(f.Ensure().ca.issued_because.empty());
  f.clock.Advance(590 * kDay);
  CHECK(f.Ensure().ca.issued_because.empty());
}

TEST_CASE("EnsurePki: changed names issue the serving certificate again and nothing else") {
  PkiFixture f;
  f.Ensure();
  f.options.host_name = "localhost";
  CHECK(Issued(f.Ensure()).empty());
  f.options.bind_address = "2001:db8::7";
  CHECK(Issued(f.Ensure()) == std::vector<std::string>{"apiserver"});
  f.options.service_cidr = "10.43.0.0/16";
  CHECK(Issued(f.Ensure()) == std::vector<std::string>{"apiserver"});
  CHECK(Issued(f.Ensure()).empty());
}

TEST_CASE("EnsurePki: damaged, foreign and swapped leaves heal") {
  PkiFixture f;
  const Pki pki = f.Ensure();
  Write(pki.admin.certificate, "-----BEGIN CERTIFICATE-----\ngarbage\n");
  Write(pki.scheduler.key, "");
  fs::remove(pki.apiserver.key);
  fs::copy_file(pki.front_proxy_client.certificate, pki.controller_manager.certificate,
                fs::copy_options::overwrite_existing);
  fs::copy_file(pki.front_proxy_client.key, pki.controller_manager.key,
                fs::copy_options::overwrite_existing);
  CHECK(Issued(f.Ensure()) ==
        std::vector<std::string>{"apiserver", "admin", "controller-manager", "scheduler"});
  CHECK(Issued(f.Ensure()).empty());
}

TEST_CASE("EnsurePki: a damaged CA or service account key is never replaced") {
  PkiFixture f;
  const Pki pki = f.Ensure();
  for (const fs::path& path :
       {pki.ca.certificate, pki.ca.key, pki.front_proxy_ca.key, pki.service_account_private_key}) {
    INFO(path);
    const std::string good = *ReadWholeFile(path);
    Write(path, "damaged secret text");
    const Error error = f.EnsureError();
    CHECK(error.code == ErrorCode::kCorrupt);
    CHECK(error.message.find(path.string()) != std::string::npos);
    CHECK(error.message.find("secret") == std::string::npos);
    CHECK(*ReadWholeFile(path) == "damaged secret text");
    Write(path, good);
  }
  fs::rename(pki.ca.key, f.directory / "ca.key");
  CHECK(f.EnsureError().code == ErrorCode::kCorrupt);
  fs::copy_file(pki.front_proxy_ca.key, pki.ca.key);
  CHECK(f.EnsureError().message.find("does not fit its key") != std::string::npos);
}

TEST_CASE("EnsurePki: a CA certificate that was lost is made again for its key") {
  PkiFixture f;
  const Pki pki = f.Ensure();
  fs::remove(pki.ca.certificate);
  CHECK(Issued(f.Ensure()) == std::vector<std::string>{"ca"});
  CHECK(Verifies(pki.admin.certificate, pki.ca.certificate, X509_PURPOSE_SSL_CLIENT,
                 f.clock.WallNow()));
}

TEST_CASE("EnsurePki: the public service account key follows the private one") {
  PkiFixture f;
  const Pki pki = f.Ensure();
  const std::string good = *ReadWholeFile(pki.service_account_public_key);
  CHECK(good.find("BEGIN PUBLIC KEY") != std::string::npos);
  Write(pki.service_account_public_key, "lost");
  f.Ensure();
  CHECK(*ReadWholeFile(pki.service_account_public_key) == good);
}

TEST_CASE("IssueClientCertificate: a user with groups, for as long as asked") {
  PkiFixture f;
  CHECK(IssueClientCertificate(f.options.directory, {.user = "ann"}, f.clock).error().code ==
        ErrorCode::kNotFound);
  const Pki pki = f.Ensure();
  const Result<IssuedCertificate> issued = IssueClientCertificate(
      f.options.directory, {.user = "ann", .groups = {"dev", "ops"}, .valid_for = hours(1)},
      f.clock);
  REQUIRE(issued.ok());
  const fs::path file = f.directory / "ann.crt";
  Write(file, issued->certificate);
  CHECK(Subject(file) == "/O=dev/O=ops/CN=ann");
  const WallTime now = f.clock.WallNow();
  CHECK(Verifies(file, pki.ca.certificate, X509_PURPOSE_SSL_CLIENT, now));
  CHECK_FALSE(Verifies(file, pki.ca.certificate, X509_PURPOSE_SSL_CLIENT, now + hours(2)));
  CHECK(PrivateKeyFromPem(issued->key).ok());
  const std::string long_name(65, 'x');
  CHECK(IssueClientCertificate(f.options.directory, {.user = long_name}, f.clock).error().code ==
        ErrorCode::kInvalidArgument);
  CHECK(IssueClientCertificate(f.options.directory, {.user = ""}, f.clock).error().code ==
        ErrorCode::kInvalidArgument);
}

TEST_CASE("NotAfter: a certificate without an end has not ended") {
  const X509Certificate certificate(X509_new());
  REQUIRE(ASN1_TIME_set_string(X509_getm_notAfter(certificate.get()), "99991231235959Z") == 1);
  CHECK(NotAfter(*certificate) > SystemClock().WallNow());
}

TEST_CASE("FirstServiceAddress: IPv4, IPv6, dual stack and nonsense") {
  CHECK(*FirstServiceAddress("10.96.0.0/12") == "10.96.0.1");
  CHECK(*FirstServiceAddress("10.99.3.7/12") == "10.96.0.1");
  CHECK(*FirstServiceAddress("192.168.1.128/25") == "192.168.1.129");
  CHECK(*FirstServiceAddress("fd00:1::/108") == "fd00:1::1");
  CHECK(*FirstServiceAddress("10.96.0.0/16,fd00::/108") == "10.96.0.1");
  for (const char* bad : {"", "10.96.0.0", "10.96.0.0/33", "10.96.0.0/32", "10.96/12", "x/12",
                          "10.96.0.0/12x", "10.96.0.0/-1"}) {
    INFO(bad);
    CHECK(FirstServiceAddress(bad).error().code == ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace kubase::launcher
