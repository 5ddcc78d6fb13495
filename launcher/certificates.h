// Making, writing as PEM, reading and judging X.509 certificates and keys. No files here.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "launcher/openssl_handles.h"
#include "shim/base/clock.h"
#include "shim/base/result.h"

namespace kubase::launcher {

enum class CertificateUse { kAuthority, kServer, kClient };

// Names are DNS names or IP addresses; which one each is is told by its form.
struct CertificateSpec {
  CertificateUse use = CertificateUse::kClient;
  std::string common_name;
  std::vector<std::string> organizations;
  std::vector<std::string> names;
  std::chrono::seconds valid_for{0};
  std::chrono::seconds backdated_by = std::chrono::minutes(5);  // for clocks that differ a little
};

struct KeyPair {
  X509Certificate certificate;
  EvpKey key;
};

// A new P-256 key, and an RSA key for the service account tokens (RS256 is what every verifier of
// OIDC tokens has). Error: kInternal.
Result<EvpKey> MakeEcKey();
Result<EvpKey> MakeRsaKey();

// Signs `spec` for `key`, by `issuer` or, when that is null, by itself. It is never valid when its
// issuer is not. Errors: kInvalidArgument (a name is neither an address nor a DNS name), kInternal.
Result<KeyPair> IssueCertificate(const CertificateSpec& spec, EvpKey key, const KeyPair* issuer,
                                 WallTime now);

// Whether `name` is an IP address or a DNS name, perhaps with a leading "*.".
bool IsCertificateName(const std::string& name);

Result<std::string> CertificateToPem(const X509& certificate);
Result<std::string> PrivateKeyToPem(const EVP_PKEY& key);  // a secret
Result<std::string> PublicKeyToPem(const EVP_PKEY& key);
// Error: kCorrupt, without any of the text.
Result<X509Certificate> CertificateFromPem(const std::string& pem);
Result<EvpKey> PrivateKeyFromPem(const std::string& pem);

bool FitsKey(const KeyPair& pair);
// Whether it is signed by itself and has the names of `spec`.
bool IsSelfSigned(const X509& certificate, const CertificateSpec& spec);
WallTime NotBefore(const X509& certificate);
WallTime NotAfter(const X509& certificate);

// Whether who trusts one of these CAs, which have one key, takes the other for the same: by its
// name, byte for byte as Go compares it, and by the id of its key.
bool IsSameAuthority(const X509& a, const X509& b);

// Why a leaf has to be issued again; absent: it is as `spec` wants it, has more than a third of its
// life left at `now`, fits its key and chains to `issuer`.
std::optional<std::string> FindFault(const KeyPair& leaf, const CertificateSpec& spec,
                                     const X509& issuer, WallTime now);

}  // namespace kubase::launcher
