// X.509 with OpenSSL 3. Extensions that hold caller's words are built from structures, never from
// OpenSSL's configuration syntax, in which a name could smuggle other settings.
#include "launcher/certificates.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <set>

namespace kubase::launcher {
namespace {

bool IsDnsName(std::string_view name) {
  if (name.starts_with("*.")) name.remove_prefix(2);
  if (name.empty() || name.size() > 253 || name.front() == '.' || name.back() == '.') return false;
  size_t label = 0;
  char previous = '.';
  for (const char c : name) {
    if (c == '.') {
      if (previous == '.' || previous == '-') return false;
      label = 0;
    } else {
      const bool letter =
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if ((!letter && c != '-') || (c == '-' && previous == '.') || ++label > 63) return false;
    }
    previous = c;
  }
  return previous != '-';
}

struct FreeOctets {
  void operator()(ASN1_OCTET_STRING* octets) const { ASN1_OCTET_STRING_free(octets); }
};
using Octets = std::unique_ptr<ASN1_OCTET_STRING, FreeOctets>;

std::string BytesOf(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

// What a name is compared by: "dns:localhost", or "ip:" and the address bytes. Empty: neither.
std::string CanonicalName(const std::string& name) {
  if (const Octets address(a2i_IPADDRESS(name.c_str())); address) {
    return "ip:" + BytesOf(address.get());
  }
  ERR_clear_error();
  if (!IsDnsName(name)) return {};
  std::string lower = "dns:" + name;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

Result<void> AddAlternativeNames(X509& certificate, const std::vector<std::string>& names) {
  if (names.empty()) return Ok();
  const GeneralNames list(GENERAL_NAMES_new());
  std::set<std::string> seen;
  for (const std::string& name : names) {
    const std::string canonical = CanonicalName(name);
    if (canonical.empty()) {
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("\"{}\" is neither an IP address nor a DNS name, so it cannot be in a "
                      "certificate",
                      name)};
    }
    if (!seen.insert(canonical).second) continue;
    const bool is_address = canonical.starts_with("ip:");
    const std::string value = canonical.substr(is_address ? 3 : 4);
    ASN1_STRING* text = ASN1_STRING_type_new(is_address ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    GENERAL_NAME* entry = GENERAL_NAME_new();
    ASN1_STRING_set(text, value.data(), static_cast<int>(value.size()));
    GENERAL_NAME_set0_value(entry, is_address ? GEN_IPADD : GEN_DNS, text);
    sk_GENERAL_NAME_push(list.get(), entry);
  }
  if (X509_add1_ext_i2d(&certificate, NID_subject_alt_name, list.get(), 0, X509V3_ADD_DEFAULT) !=
      1) {
    return OpensslError("add names to a certificate");
  }
  return Ok();
}

struct ConstantExtension {
  int nid;
  const char* value;
};

std::vector<ConstantExtension> ExtensionsFor(CertificateUse use) {
  if (use == CertificateUse::kAuthority) {
    return {{NID_basic_constraints, "critical,CA:TRUE"},
            {NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign"},
            {NID_subject_key_identifier, "hash"}};
  }
  return {{NID_basic_constraints, "critical,CA:FALSE"},
          {NID_key_usage, "critical,digitalSignature"},
          {NID_ext_key_usage, use == CertificateUse::kServer ? "serverAuth" : "clientAuth"},
          {NID_authority_key_identifier, "keyid:always"}};
}

Result<void> AddExtensions(X509& certificate, X509& issuer, const CertificateSpec& spec) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  for (const ConstantExtension& wanted : ExtensionsFor(spec.use)) {
    const X509Extension extension(X509V3_EXT_conf_nid(nullptr, &context, wanted.nid, wanted.value));
    if (!extension || X509_add_ext(&certificate, extension.get(), -1) != 1) {
      return OpensslError("add an extension to a certificate");
    }
  }
  return AddAlternativeNames(certificate, spec.names);
}

Result<void> SetSubject(X509& certificate, const CertificateSpec& spec) {
  X509_NAME* subject = X509_get_subject_name(&certificate);
  const auto add = [&](int nid, const std::string& value) {
    return X509_NAME_add_entry_by_NID(subject, nid, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(value.data()),
                                      static_cast<int>(value.size()), -1, 0) == 1;
  };
  for (const std::string& organization : spec.organizations) {
    if (!add(NID_organizationName, organization)) {
      ERR_clear_error();
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\" cannot be a group in a certificate: it has to be 1 to 64 "
                               "characters",
                               organization)};
    }
  }
  if (add(NID_commonName, spec.common_name)) return Ok();
  ERR_clear_error();
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("\"{}\" cannot be the name in a certificate: it has to be 1 to 64 "
                           "characters",
                           spec.common_name)};
}

Result<void> SetSerial(X509& certificate) {
  const std::unique_ptr<BIGNUM, OpensslFree<BN_free>> serial(BN_new());
  // 127 bits: positive in 16 bytes. The top bit is set, so it is never zero.
  if (BN_rand(serial.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) != 1 ||
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(&certificate)) == nullptr) {
    return OpensslError("choose a serial number");
  }
  return Ok();
}

Result<void> SetValidity(X509& certificate, const CertificateSpec& spec, const KeyPair* issuer,
                         WallTime now) {
  WallTime begin = now - spec.backdated_by;
  WallTime end = now + spec.valid_for;
  if (issuer != nullptr) {
    begin = std::max(begin, NotBefore(*issuer->certificate));
    end = std::min(end, NotAfter(*issuer->certificate));
  }
  const auto set = [](ASN1_TIME* field, WallTime time) {
    return ASN1_TIME_set(field, std::chrono::system_clock::to_time_t(time)) != nullptr;
  };
  if (!set(X509_getm_notBefore(&certificate), begin) ||
      !set(X509_getm_notAfter(&certificate), end)) {
    return OpensslError("set the dates of a certificate");
  }
  return Ok();
}

WallTime ToWallTime(const ASN1_TIME* time) {
  std::tm parts{};
  // A certificate whose time cannot be read was not made by this program; it counts as expired.
  if (ASN1_TIME_to_tm(time, &parts) != 1) return WallTime{};
  // The year 9999 stands for "never", and is beyond what a WallTime holds.
  const std::time_t latest = std::chrono::system_clock::to_time_t(WallTime::max());
  return std::chrono::system_clock::from_time_t(std::min(timegm(&parts), latest));
}

Result<std::string> ToPem(const std::string& what, const std::function<int(BIO*)>& write) {
  const X509Text text(BIO_new(BIO_s_secmem()));
  if (!text || write(text.get()) != 1) return OpensslError("write " + what);
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

std::vector<std::string> SubjectValues(const X509& certificate, int nid) {
  const X509_NAME* subject = X509_get_subject_name(&certificate);
  std::vector<std::string> values;
  for (int i = X509_NAME_get_index_by_NID(subject, nid, -1); i >= 0;
       i = X509_NAME_get_index_by_NID(subject, nid, i)) {
    values.push_back(BytesOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i))));
  }
  return values;
}

std::set<std::string> AlternativeNames(const X509& certificate) {
  const GeneralNames list(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::set<std::string> names;
  for (int i = 0; i < sk_GENERAL_NAME_num(list.get()); ++i) {
    int type = 0;
    const auto* value = static_cast<const ASN1_STRING*>(
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(list.get(), i), &type));
    if (type == GEN_DNS) names.insert("dns:" + BytesOf(value));
    if (type == GEN_IPADD) names.insert("ip:" + BytesOf(value));
  }
  return names;
}

bool HasSubjectAndNames(const X509& certificate, const CertificateSpec& spec) {
  std::set<std::string> wanted;
  for (const std::string& name : spec.names) wanted.insert(CanonicalName(name));
  return SubjectValues(certificate, NID_commonName) == std::vector{spec.common_name} &&
         SubjectValues(certificate, NID_organizationName) == spec.organizations &&
         AlternativeNames(certificate) == wanted;
}

// Dates are judged by the caller: here only signatures and uses.
bool Chains(X509& leaf, X509& issuer, CertificateUse use) {
  const X509Trust trust(X509_STORE_new());
  const X509Verification verification(X509_STORE_CTX_new());
  if (!trust || !verification || X509_STORE_add_cert(trust.get(), &issuer) != 1 ||
      X509_STORE_CTX_init(verification.get(), trust.get(), &leaf, nullptr) != 1) {
    ERR_clear_error();
    return false;
  }
  X509_STORE_CTX_set_flags(verification.get(), X509_V_FLAG_NO_CHECK_TIME);
  X509_STORE_CTX_set_purpose(verification.get(), use == CertificateUse::kServer
                                                     ? X509_PURPOSE_SSL_SERVER
                                                     : X509_PURPOSE_SSL_CLIENT);
  const bool good = X509_verify_cert(verification.get()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace

Error OpensslError(const std::string& what) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return Error{ErrorCode::kInternal,
               fmt::format("cannot {}: {}", what, reason == nullptr ? "OpenSSL failed" : reason)};
}

Result<EvpKey> MakeEcKey() {
  EvpKey key(EVP_EC_gen("P-256"));
  if (!key) return OpensslError("make an elliptic curve key");
  return key;
}

Result<EvpKey> MakeRsaKey() {
  EvpKey key(EVP_RSA_gen(2048));
  if (!key) return OpensslError("make an RSA key");
  return key;
}

bool IsCertificateName(const std::string& name) {
  return !CanonicalName(name).empty();
}

Result<KeyPair> IssueCertificate(const CertificateSpec& spec, EvpKey key, const KeyPair* issuer,
                                 WallTime now) {
  KeyPair pair{X509Certificate(X509_new()), std::move(key)};
  if (!pair.certificate) return OpensslError("make a certificate");
  X509& certificate = *pair.certificate;
  X509& signer = issuer == nullptr ? certificate : *issuer->certificate;
  constexpr long kVersion3 = 2;
  KUBASE_TRY(SetSubject(certificate, spec));
  KUBASE_TRY(SetSerial(certificate));
  KUBASE_TRY(SetValidity(certificate, spec, issuer, now));
  if (X509_set_version(&certificate, kVersion3) != 1 ||
      X509_set_issuer_name(&certificate, X509_get_subject_name(&signer)) != 1 ||
      X509_set_pubkey(&certificate, pair.key.get()) != 1) {
    return OpensslError("fill a certificate");
  }
  KUBASE_TRY(AddExtensions(certificate, signer, spec));
  EVP_PKEY* signing_key = issuer == nullptr ? pair.key.get() : issuer->key.get();
  if (X509_sign(&certificate, signing_key, EVP_sha256()) <= 0) {
    return OpensslError("sign a certificate");
  }
  return pair;
}

Result<std::string> CertificateToPem(const X509& certificate) {
  return ToPem("a certificate", [&](BIO* out) { return PEM_write_bio_X509(out, &certificate); });
}

Result<std::string> PrivateKeyToPem(const EVP_PKEY& key) {
  return ToPem("a private key", [&](BIO* out) {
    return PEM_write_bio_PrivateKey(out, &key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

Result<std::string> PublicKeyToPem(const EVP_PKEY& key) {
  return ToPem("a public key", [&](BIO* out) { return PEM_write_bio_PUBKEY(out, &key); });
}

Result<X509Certificate> CertificateFromPem(const std::string& pem) {
  const X509Text text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509Certificate certificate(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (certificate) return certificate;
  return Error{ErrorCode::kCorrupt, "it holds no readable certificate"};
}

Result<EvpKey> PrivateKeyFromPem(const std::string& pem) {
  const X509Text text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // An encrypted key would make OpenSSL ask on the terminal; this answers with an empty password.
  const auto no_password = [](char*, int, int, void*) { return 0; };
  EvpKey key(PEM_read_bio_PrivateKey(text.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (key) return key;
  return Error{ErrorCode::kCorrupt, "it holds no readable private key"};
}

bool FitsKey(const KeyPair& pair) {
  const bool fits = X509_check_private_key(pair.certificate.get(), pair.key.get()) == 1;
  ERR_clear_error();
  return fits;
}

bool IsSelfSigned(const X509& certificate, const CertificateSpec& spec) {
  constexpr int kVerifySignature = 1;
  // It is not changed: OpenSSL only remembers the extensions that it has parsed.
  const int is_signed = X509_self_signed(const_cast<X509*>(&certificate), kVerifySignature);
  ERR_clear_error();
  return is_signed == 1 && HasSubjectAndNames(certificate, spec);
}

bool IsSameAuthority(const X509& a, const X509& b) {
  const auto name = [](const X509& certificate) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509_NAME(X509_get_subject_name(&certificate), &bytes);
    std::string encoded;
    if (size > 0) encoded.assign(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
    OPENSSL_free(bytes);
    return encoded;
  };
  // It is not changed, as in IsSelfSigned.
  const auto* const id_a = X509_get0_subject_key_id(const_cast<X509*>(&a));
  const auto* const id_b = X509_get0_subject_key_id(const_cast<X509*>(&b));
  const bool same_id = id_a != nullptr && id_b != nullptr && ASN1_OCTET_STRING_cmp(id_a, id_b) == 0;
  return same_id && name(a) == name(b);
}

WallTime NotBefore(const X509& certificate) {
  return ToWallTime(X509_get0_notBefore(&certificate));
}

WallTime NotAfter(const X509& certificate) {
  return ToWallTime(X509_get0_notAfter(&certificate));
}

std::optional<std::string> FindFault(const KeyPair& leaf, const CertificateSpec& spec,
                                     const X509& issuer, WallTime now) {
  X509& certificate = *leaf.certificate;
  if (!FitsKey(leaf)) return "it does not fit its key";
  // X509_STORE_add_cert only counts a reference up.
  if (!Chains(certificate, const_cast<X509&>(issuer), spec.use)) {
    return "it is not signed by the CA";
  }
  if (!HasSubjectAndNames(certificate, spec)) return "its names have changed";
  const WallTime begin = NotBefore(certificate);
  const WallTime end = NotAfter(certificate);
  if (now >= end) return "it has expired";
  if ((end - now) * 3 < end - begin) return "it expires soon";
  // With a clock before the CA's own beginning nothing that could be issued would be better.
  if (now < begin && now >= NotBefore(issuer)) return "it is not valid yet";
  return std::nullopt;
}

}  // namespace kubase::launcher
