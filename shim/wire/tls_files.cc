// Reads and checks with OpenSSL, so that a mistake is named by file and not by a failed handshake.
#include "shim/wire/tls_files.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

namespace kubase::wire {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Certificate = std::unique_ptr<X509, FreeX509>;
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

Result<std::string> ReadFile(const std::string& path, const char* what) {
  if (path.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 std::string("TLS needs a ") + what + " file; none was given"};
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const int error = errno;
    return Error{error == EACCES ? ErrorCode::kPermissionDenied : ErrorCode::kNotFound,
                 std::string("cannot read the ") + what + " file " + path + ": " +
                     std::generic_category().message(error)};
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Bio Memory(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<Certificate> ParseCertificate(const std::string& pem, const std::string& path) {
  Certificate certificate(PEM_read_bio_X509(Memory(pem).get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) {
    return Error{ErrorCode::kInvalidArgument, path + " holds no PEM certificate"};
  }
  return certificate;
}

Result<void> CheckPair(const std::string& certificate_pem, const std::string& key_pem,
                       const TlsFiles& files) {
  KUBASE_ASSIGN_OR_RETURN(Certificate certificate,
                          ParseCertificate(certificate_pem, files.certificate));
  const Key key(PEM_read_bio_PrivateKey(Memory(key_pem).get(), nullptr, nullptr, nullptr));
  if (key == nullptr) {
    return Error{ErrorCode::kInvalidArgument, files.key + " holds no unencrypted PEM private key"};
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Error{
        ErrorCode::kInvalidArgument,
        "the key in " + files.key + " does not belong to the certificate in " + files.certificate};
  }
  return Ok();
}

}  // namespace

Result<std::shared_ptr<grpc::ServerCredentials>> LoadTls(const TlsFiles& files) {
  grpc::SslServerCredentialsOptions options(
      files.client_ca.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                              : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  KUBASE_ASSIGN_OR_RETURN(std::string certificate, ReadFile(files.certificate, "certificate"));
  KUBASE_ASSIGN_OR_RETURN(std::string key, ReadFile(files.key, "key"));
  KUBASE_TRY(CheckPair(certificate, key, files));
  if (!files.client_ca.empty()) {
    KUBASE_ASSIGN_OR_RETURN(options.pem_root_certs, ReadFile(files.client_ca, "client CA"));
    KUBASE_TRY(ParseCertificate(options.pem_root_certs, files.client_ca));
  }
  options.pem_key_cert_pairs.push_back({std::move(key), std::move(certificate)});
  return grpc::SslServerCredentials(options);
}

}  // namespace kubase::wire
