// gRPC's server credentials over a TlsSource.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "shim/wire/tls_source.h"

namespace kubase::wire {

// For one server: gRPC asks the source when it is built and for each connection that comes, and
// keeps what it has for those that are open. The source must outlive the server.
std::shared_ptr<grpc::ServerCredentials> TlsCredentials(TlsSource& source);

}  // namespace kubase::wire
