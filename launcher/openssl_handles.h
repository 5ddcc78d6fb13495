// OpenSSL objects owned by unique_ptr, and its error queue as a sentence.
#pragma once

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "shim/base/result.h"

namespace kubase::launcher {

template <auto Free>
struct OpensslFree {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using EvpKey = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using X509Certificate = std::unique_ptr<X509, OpensslFree<X509_free>>;
using X509Text = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;
using X509Extension = std::unique_ptr<X509_EXTENSION, OpensslFree<X509_EXTENSION_free>>;
using X509Trust = std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>>;
using X509Verification = std::unique_ptr<X509_STORE_CTX, OpensslFree<X509_STORE_CTX_free>>;
using GeneralNames = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;

// kInternal: "cannot WHAT: the last OpenSSL reason". Empties the error queue. Reasons are constant
// texts of the library and hold nothing of a key.
Error OpensslError(const std::string& what);

}  // namespace kubase::launcher
