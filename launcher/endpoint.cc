// Parsing, and which engine opens what.
#include "launcher/endpoint.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "launcher/files.h"
#include "launcher/mysql_endpoint.h"
#include "launcher/postgres_endpoint.h"
#include "shim/sql/sqlite.h"

namespace kubase::launcher {
namespace {

struct KnownParameter {
  std::string_view name;
  std::string_view values;  // the accepted ones between spaces, lower case; empty: any
};

// Those of kine's documentation and its default. WAL, full synchronisation and immediate write
// transactions are what kubase always does.
constexpr std::array<KnownParameter, 10> kKnownParameters = {{
    {"_journal", " wal "},
    {"_journal_mode", " wal "},
    {"_synchronous", " full 2 extra 3 "},
    {"_sync", " full 2 extra 3 "},
    {"_txlock", " immediate "},
    {"cache", " shared private "},
    {"_busy_timeout", ""},
    {"_timeout", ""},
    {"_foreign_keys", ""},
    {"_fk", ""},
}};

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

Result<void> CheckParameter(const std::string& endpoint, const std::string& parameter) {
  const size_t equals = parameter.find('=');
  const std::string name = Lower(parameter.substr(0, equals));
  const std::string value = equals == parameter.npos ? "" : Lower(parameter.substr(equals + 1));
  for (const KnownParameter& known : kKnownParameters) {
    if (name != known.name) continue;
    if (known.values.empty() || known.values.find(" " + value + " ") != std::string_view::npos) {
      return Ok();
    }
  }
  return Error{ErrorCode::kInvalidArgument, "--endpoint " + endpoint + ": the parameter \"" +
                                                parameter +
                                                "\" is not supported; leave it out, kubase always "
                                                "uses WAL with full synchronisation"};
}

Result<void> CheckParameters(const std::string& endpoint, const std::string& parameters) {
  size_t start = 0;
  while (start < parameters.size()) {
    const size_t end = std::min(parameters.find('&', start), parameters.size());
    if (end > start) KUBASE_TRY(CheckParameter(endpoint, parameters.substr(start, end - start)));
    start = end + 1;
  }
  return Ok();
}

Error RefuseScheme(const std::string& scheme) {
  for (const std::string_view later : {"nats", "http", "https", "etcd"}) {
    if (scheme == later) {
      return {ErrorCode::kUnsupported,
              "--endpoint: " + scheme +
                  ":// is not in this version of kubase; use "
                  "sqlite://PATH, postgres://…, mysql://… or a plain path"};
    }
  }
  return {ErrorCode::kInvalidArgument,
          "--endpoint: the scheme " + scheme +
              ":// is unknown; use sqlite://PATH, postgres://…, mysql://… or a plain path"};
}

}  // namespace

Result<Endpoint> ParseEndpoint(const std::string& text, const std::filesystem::path& default_file) {
  static constexpr std::string_view kSeparator = "://";
  std::string path = text;
  const size_t separator = text.find(kSeparator);
  if (separator != text.npos) {
    const std::string scheme = Lower(text.substr(0, separator));
    if (scheme == "postgres" || scheme == "postgresql") return ParsePostgresEndpoint(text);
    if (scheme == "mysql" || scheme == "mariadb") return ParseMysqlEndpoint(text);
    if (scheme != "sqlite" && scheme != "sqlite3") return RefuseScheme(scheme);
    path = text.substr(separator + kSeparator.size());
    const size_t question = path.find('?');
    if (question != path.npos) {
      KUBASE_TRY(CheckParameters(text, path.substr(question + 1)));
      path.resize(question);
    }
  }
  const std::filesystem::path file = path.empty() ? default_file : std::filesystem::path(path);
  if (!file.has_filename()) {
    return Error{ErrorCode::kInvalidArgument,
                 "--endpoint " + text + " names a directory; give the path of a database file"};
  }
  const std::filesystem::path absolute = std::filesystem::absolute(file).lexically_normal();
  return Endpoint{absolute, "sqlite://" + absolute.string()};
}

Result<std::unique_ptr<sql::Database>> OpenDatabase(const Endpoint& endpoint,
                                                    sql::StatementObserver* observer) {
  if (endpoint.postgres) {
    sql::PostgresOptions options = *endpoint.postgres;
    options.observer = observer;
    return sql::OpenPostgres(options);
  }
  if (endpoint.mysql) {
    sql::MysqlOptions options = *endpoint.mysql;
    options.observer = observer;
    return sql::OpenMysql(options);
  }
  KUBASE_TRY(CreateDirectory(endpoint.sqlite_file.parent_path(), 0700));
  return sql::OpenSqlite({.path = endpoint.sqlite_file.string(), .observer = observer});
}

}  // namespace kubase::launcher
