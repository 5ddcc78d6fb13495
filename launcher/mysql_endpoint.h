// Endpoints of MariaDB and MySQL.
#pragma once

#include <string>

#include "launcher/endpoint.h"

namespace kubase::launcher {

// "mysql://USER:PASSWORD@tcp(HOST:PORT)/DATABASE", "…@unix(/PATH)/…" or "…@HOST:PORT/…".
// Parameters:
//   tls            "true": the server's certificate is verified; "skip-verify"; "false"
//   ca_file, cert_file, key_file   certificates for it, which ask for TLS by themselves
//   password_file  a file with the password; it ends with the first line
Result<Endpoint> ParseMysqlEndpoint(const std::string& text);

}  // namespace kubase::launcher
