// TLS material from files, checked before anything listens with it.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "shim/base/result.h"

namespace kubase::wire {

struct TlsFiles {
  std::string certificate;  // PEM, the server's and its intermediates
  std::string key;          // PEM
  std::string client_ca;    // PEM; not empty: clients must show a certificate signed by it

  bool enabled() const { return !certificate.empty() || !key.empty() || !client_ca.empty(); }
};

// Errors: kNotFound or kPermissionDenied (a file cannot be read), kInvalidArgument (no PEM in it,
// or the key is not the certificate's), each naming the file.
Result<std::shared_ptr<grpc::ServerCredentials>> LoadTls(const TlsFiles& files);

}  // namespace kubase::wire
