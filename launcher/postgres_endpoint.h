// PostgreSQL's endpoints.
#pragma once

#include <string>

#include "launcher/endpoint.h"

namespace kubase::launcher {

// "postgres://…" or "postgresql://…". What is ours is taken out of it, the rest is libpq's:
//   password_file  a file with the password; it ends with the first line
// TLS that is asked for by certificates (sslrootcert, sslcert) alone is sslmode=verify-full.
Result<Endpoint> ParsePostgresEndpoint(const std::string& text);

}  // namespace kubase::launcher
