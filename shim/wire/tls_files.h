// TLS material in files, checked before anything is served with it.
#pragma once

#include <string>

#include "shim/base/result.h"

namespace kubase::wire {

struct TlsFiles {
  std::string certificate;  // PEM, the server's and its intermediates
  std::string key;          // PEM
  std::string client_ca;    // PEM; not empty: clients must show a certificate signed by it

  bool enabled() const { return !certificate.empty() || !key.empty() || !client_ca.empty(); }
};

// What the files hold.
struct TlsMaterial {
  std::string certificate;
  std::string key;
  std::string client_ca;  // empty: clients show nothing

  bool operator==(const TlsMaterial&) const = default;
};

// Errors: kInvalidArgument (no file was given), kNotFound or kPermissionDenied (it cannot be read).
Result<TlsMaterial> ReadTls(const TlsFiles& files);

// When the certificate ends, for humans, if all can be served. Error: kInvalidArgument (no PEM, the
// key is not the certificate's, or OpenSSL takes it for too weak), which names the file.
Result<std::string> CheckTls(const TlsMaterial& material, const TlsFiles& files);

}  // namespace kubase::wire
