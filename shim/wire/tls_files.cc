// Checks with OpenSSL, so that a mistake is named by file and not by a failed handshake.
#include "shim/wire/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cerrno>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
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
struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Certificate = std::unique_ptr<X509, FreeX509>;
using PrivateKey = std::unique_ptr<EVP_PKEY, FreeKey>;
using TlsContext = std::unique_ptr<SSL_CTX, FreeContext>;

// What OpenSSL leaves in the queue of a thread spoils the next handshake there.
struct ErrorQueueGuard {
  ~ErrorQueueGuard() { ERR_clear_error(); }
};

Error Unusable(const std::string& what) {
  return {ErrorCode::kInvalidArgument, what};
}

Result<std::string> ReadFile(const std::string& path, const char* what) {
  if (path.empty()) return Unusable(std::string("TLS needs a ") + what + " file; none was given");
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

// The first certificate; gRPC wants all of them to be whole.
Result<Certificate> ParseCertificates(const std::string& pem, const std::string& path) {
  const Bio text = Memory(pem);
  Certificate first(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
  if (first == nullptr) return Unusable(path + " holds no PEM certificate");
  ERR_clear_error();
  while (Certificate(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)) != nullptr) continue;
  if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) return first;
  return Unusable(path + " holds a damaged certificate after its first one");
}

// An encrypted key would make OpenSSL ask on the terminal; this answers with an empty password.
int NoPassword(char*, int, int, void*) {
  return 0;
}

std::string LastReason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "OpenSSL failed" : reason;
}

Result<void> CheckPair(X509& certificate, const std::string& key_pem, const TlsFiles& files) {
  const PrivateKey key(
      PEM_read_bio_PrivateKey(Memory(key_pem).get(), nullptr, NoPassword, nullptr));
  if (key == nullptr) return Unusable(files.key + " holds no unencrypted PEM private key");
  if (X509_check_private_key(&certificate, key.get()) != 1) {
    return Unusable("the key in " + files.key + " does not belong to the certificate in " +
                    files.certificate);
  }
  ERR_clear_error();
  const TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (context != nullptr && SSL_CTX_use_certificate(context.get(), &certificate) == 1) return Ok();
  return Unusable("the certificate in " + files.certificate + " cannot be used: " + LastReason());
}

std::string EndOf(const X509& certificate) {
  std::tm time{};
  char text[sizeof("2006-01-02T15:04:05Z")] = "";
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &time) != 1) return "";
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &time);
  return text;
}

}  // namespace

Result<TlsMaterial> ReadTls(const TlsFiles& files) {
  TlsMaterial material;
  KUBASE_ASSIGN_OR_RETURN(material.certificate, ReadFile(files.certificate, "certificate"));
  KUBASE_ASSIGN_OR_RETURN(material.key, ReadFile(files.key, "key"));
  if (files.client_ca.empty()) return material;
  KUBASE_ASSIGN_OR_RETURN(material.client_ca, ReadFile(files.client_ca, "client CA"));
  return material;
}

Result<std::string> CheckTls(const TlsMaterial& material, const TlsFiles& files) {
  const ErrorQueueGuard guard;
  KUBASE_ASSIGN_OR_RETURN(const Certificate certificate,
                          ParseCertificates(material.certificate, files.certificate));
  KUBASE_TRY(CheckPair(*certificate, material.key, files));
  if (!files.client_ca.empty()) {
    KUBASE_TRY(ParseCertificates(material.client_ca, files.client_ca));
  }
  return EndOf(*certificate);
}

}  // namespace kubase::wire
