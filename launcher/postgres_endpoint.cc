// What libpq understands is left to it.
#include "launcher/postgres_endpoint.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "launcher/endpoint_uri.h"
#include "shim/base/percent.h"

namespace kubase::launcher {
namespace {

// Written anew: libpq refuses a "%" or "/" as it is, which is in passwords that people paste.
std::string Credentials(const EndpointUri& uri) {
  if (uri.credentials.empty()) return "";
  const std::string password = uri.password.empty() ? "" : ":" + EncodePercent(uri.password);
  return EncodePercent(uri.user) + password + "@";
}

// As libpq calls them; "system" is what the operating system trusts, and a key with a colon one of
// an engine of OpenSSL.
bool NamesFile(const EndpointUri::Parameter& parameter) {
  static constexpr std::array<std::string_view, 6> kNames = {"passfile",  "sslcert", "sslcrl",
                                                             "sslcrldir", "sslkey",  "sslrootcert"};
  const bool of_engine =
      parameter.name == "sslkey" && parameter.value.find(':') != std::string::npos;
  return !parameter.value.empty() && parameter.value != "system" && !of_engine &&
         std::find(kNames.begin(), kNames.end(), parameter.name) != kNames.end();
}

}  // namespace

Result<Endpoint> ParsePostgresEndpoint(const std::string& text) {
  EndpointUri uri = SplitUri(text);
  sql::PostgresOptions options;
  if (const auto file = uri.Take("password_file")) {
    KUBASE_ASSIGN_OR_RETURN(options.password, ReadPasswordFile(*file));
  }
  KUBASE_ASSIGN_OR_RETURN(options.pool, TakePoolLimits(uri));
  if (!uri.Has("sslmode") && (uri.Has("sslrootcert") || uri.Has("sslcert"))) {
    uri.parameters.push_back({"sslmode", "verify-full"});
  }
  if (uri.database.empty() && !uri.Has("dbname")) uri.database = kDefaultDatabase;
  options.connection = "postgresql://" + Credentials(uri) + uri.where + "/" + uri.database;
  char separator = '?';
  for (const EndpointUri::Parameter& parameter : uri.parameters) {
    const std::string value =
        NamesFile(parameter) ? EncodePercent(FileOf(parameter.value)) : parameter.value;
    options.connection += separator + parameter.name + "=" + value;
    separator = '&';
  }
  return Endpoint{.sqlite_file = {},
                  .display = "postgres://" + (uri.user.empty() ? "" : uri.user + "@") + uri.where +
                             "/" + uri.database,
                  .postgres = std::move(options)};
}

}  // namespace kubase::launcher
