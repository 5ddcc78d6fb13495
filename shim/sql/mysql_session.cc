// The text protocol with several statements in one text; results are read as they come.
#include "shim/sql/mysql_session.h"

#include <errmsg.h>
#include <fmt/format.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <charconv>
#include <utility>

#include "shim/sql/mysql_dialect.h"

namespace kubase::sql {
namespace {

// TiDB's own errors (docs.pingcap.com/tidb, "Error Codes and Troubleshooting").
enum TidbError : unsigned int {
  kTidbLockConflict = 8002,  // a transaction that locks cannot be tried again by the server
  kTidbInconsistentIndex = 8003,
  kTidbStaleTransaction = 8005,
  kTidbRetryTransaction = 8022,
  kTidbSchemaOutOfDate = 8027,
  kTidbSchemaChanged = 8028,
  kTidbLateUniquenessCheck = 8147,  // where uniqueness is checked late, of a key that is taken
  kTidbPlacementTimeout = 9001,
  kTidbStorageTimeout = 9002,
  kTidbStorageBusy = 9003,
  kTidbLockNotResolved = 9004,
  kTidbRegionUnavailable = 9005,
  kTidbWriteConflict = 9007,
};

// Of the text of several statements: well below the least max_allowed_packet that servers have.
constexpr size_t kTextBytesMax = 4 << 20;

class MysqlRow final : public Row {
 public:
  MysqlRow(MYSQL_ROW row, const unsigned long* lengths) : row_(row), lengths_(lengths) {}
  bool IsNull(int column) const override { return row_[column] == nullptr; }
  int64_t Int(int column) const override {
    int64_t number = 0;
    const std::string_view text = Bytes(column);
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  std::string_view Bytes(int column) const override {
    return row_[column] == nullptr ? std::string_view()
                                   : std::string_view(row_[column], lengths_[column]);
  }

 private:
  const MYSQL_ROW row_;
  const unsigned long* const lengths_;
};

const char* OrNull(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

void SetTls(MYSQL* connection, const MysqlOptions& options) {
  if (!options.tls) return;
  const my_bool enforce = 1, verify = options.verify ? 1 : 0;
  mysql_ssl_set(connection, OrNull(options.key_file), OrNull(options.cert_file),
                OrNull(options.ca_file), nullptr, nullptr);
  mysql_optionsv(connection, MYSQL_OPT_SSL_ENFORCE, &enforce);
  mysql_optionsv(connection, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

// The client's library takes the name "localhost" for the server's usual socket, whatever the port.
void SetProtocol(MYSQL* connection, const MysqlOptions& options) {
  if (!options.unix_socket.empty()) return;
  const unsigned int tcp = MYSQL_PROTOCOL_TCP;
  mysql_optionsv(connection, MYSQL_OPT_PROTOCOL, &tcp);
}

void SetTimeouts(MYSQL* connection, const MysqlOptions& options) {
  const auto connect = static_cast<unsigned int>(options.connect_timeout.count());
  const auto statement = static_cast<unsigned int>(options.statement_timeout.count());
  mysql_optionsv(connection, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
  mysql_optionsv(connection, MYSQL_OPT_READ_TIMEOUT, &statement);
  mysql_optionsv(connection, MYSQL_OPT_WRITE_TIMEOUT, &statement);
}

// A network that carries nothing any more is noticed in three seconds. On a unix socket there is
// none, and the kernel refuses these.
void WatchNetwork(int socket) {
  const auto set = [socket](int level, int option, int value) {
    (void)::setsockopt(socket, level, option, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 3);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 1);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 3000);
}

// The library says of TLS neither names nor files. An alert is what the server says, and it may end
// the connection before that is read.
Error ExplainTls(Error error, unsigned int number, const MysqlHost& host,
                 const MysqlOptions& options) {
  const bool is_tls = number == CR_SSL_CONNECTION_ERROR;
  const bool by_server =
      number == CR_SERVER_LOST || error.message.find(" alert ") != std::string::npos;
  if (!options.tls) return error;
  if (by_server && !options.cert_file.empty()) {
    error.message +=
        fmt::format("; a server that does not trust the certificate {} ends a connection so",
                    options.cert_file);
  } else if (is_tls && options.verify) {
    error.message +=
        fmt::format("; the server's certificate has to be for \"{}\", and of {}", host.name,
                    options.ca_file.empty() ? "a CA that this machine trusts" : options.ca_file);
  }
  return error;
}

}  // namespace

Error ClassifyMysql(unsigned int number, const std::string& message) {
  const auto error = [&](ErrorCode code, const char* fix) {
    return Error{code, fmt::format("MariaDB: {} (error {}){}", message, number, fix)};
  };
  switch (number) {
    case ER_BAD_NULL_ERROR:
      return kLedByAnother;
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
      return error(ErrorCode::kNoSpace, "; free space on the server's disk");
    case ER_ACCESS_DENIED_ERROR:
    case ER_DBACCESS_DENIED_ERROR:
      return error(
          ErrorCode::kPermissionDenied,
          "; see the user and the password of the endpoint, its rights, and whether it may "
          "connect without TLS and a certificate");
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
      return error(ErrorCode::kPermissionDenied, "; grant it to the user of the endpoint");
    case ER_DUP_ENTRY:
    case ER_DUP_ENTRY_WITH_KEY_NAME:
    case kTidbLateUniquenessCheck:
      return error(ErrorCode::kAlreadyExists, "");
    case kTidbInconsistentIndex:
    case ER_NOT_KEYFILE:
    case ER_CRASHED_ON_USAGE:
      return error(ErrorCode::kCorrupt, "; the database is damaged: restore a backup");
    case ER_LOCK_DEADLOCK:
    case ER_CHECKREAD:
    case kTidbLockConflict:
    case kTidbStaleTransaction:
    case kTidbRetryTransaction:
    case kTidbSchemaChanged:
    case kTidbWriteConflict:
      return error(ErrorCode::kConflict, "");
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_CON_COUNT_ERROR:
    case ER_SERVER_SHUTDOWN:
    case ER_OPTION_PREVENTS_STATEMENT:
    case ER_READ_ONLY_MODE:
    case ER_UNKNOWN_COM_ERROR:
    case ER_CONNECTION_KILLED:
    case ER_QUERY_INTERRUPTED:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case kTidbSchemaOutOfDate:
    case kTidbPlacementTimeout:
    case kTidbStorageTimeout:
    case kTidbStorageBusy:
    case kTidbLockNotResolved:
    case kTidbRegionUnavailable:
      return error(ErrorCode::kUnavailable, "");
    default:
      // Those of the client are about the connection.
      return error(number >= CR_MIN_ERROR && number <= CR_MYSQL_LAST_ERROR ? ErrorCode::kUnavailable
                                                                           : ErrorCode::kInternal,
                   "");
  }
}

void MysqlSession::Close::operator()(MYSQL* connection) const {
  mysql_close(connection);
}

void MysqlSession::Free::operator()(MYSQL_RES* result) const {
  mysql_free_result(result);
}

MysqlSession::~MysqlSession() = default;

Result<std::unique_ptr<MysqlSession>> MysqlSession::Open(const MysqlOptions& options,
                                                         const std::string& database,
                                                         std::atomic<size_t>& preferred) {
  Result<std::unique_ptr<MysqlSession>> opened =
      Error{ErrorCode::kInvalidArgument, "the endpoint names no host"};
  const size_t first = preferred;
  for (size_t i = 0; i < options.hosts.size() && !opened.ok(); ++i) {
    const size_t number = (first + i) % options.hosts.size();
    opened = OpenOn(options.hosts[number], options, database);
    if (opened.ok()) preferred = (*opened)->host_ = number;
  }
  return opened;
}

Result<std::unique_ptr<MysqlSession>> MysqlSession::OpenOn(const MysqlHost& host,
                                                           const MysqlOptions& options,
                                                           const std::string& database) {
  std::unique_ptr<MysqlSession> session(new MysqlSession(mysql_init(nullptr)));
  MYSQL* const raw = session->connection_.get();
  KUBASE_CHECK(raw != nullptr);
  SetProtocol(raw, options);
  SetTimeouts(raw, options);
  SetTls(raw, options);
  if (mysql_real_connect(raw, host.name.c_str(), options.user.c_str(), options.password.c_str(),
                         OrNull(database), host.port, OrNull(options.unix_socket),
                         CLIENT_MULTI_STATEMENTS) == nullptr) {
    return ExplainTls(session->LastError(), mysql_errno(raw), host, options);
  }
  WatchNetwork(static_cast<int>(mysql_get_socket(raw)));
  KUBASE_TRY(session->Configure());
  return session;
}

Result<void> MysqlSession::Configure() {
  Queue(kMysqlSettings);
  Queue("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
  KUBASE_ASSIGN_OR_RETURN(const bool is_replica, IsOn("SHOW GLOBAL VARIABLES LIKE 'read_only'"));
  if (is_replica) {
    return Error{ErrorCode::kUnavailable,
                 "MariaDB: the server is read-only, as a replica is; the endpoint has to be the "
                 "one that takes writes"};
  }
  KUBASE_ASSIGN_OR_RETURN(const bool in_cluster, IsOn("SHOW VARIABLES LIKE 'wsrep_on'"));
  if (!in_cluster) return Ok();
  KUBASE_ASSIGN_OR_RETURN(const bool is_ready, IsOn("SHOW STATUS LIKE 'wsrep_ready'"));
  if (!is_ready) {
    return Error{ErrorCode::kUnavailable,
                 "MariaDB: this node of the cluster is not in step with it"};
  }
  // Reads, updates and deletions wait for what was committed on the other nodes before them.
  Queue("SET SESSION wsrep_sync_wait = 3");
  return Run();
}

Result<bool> MysqlSession::IsOn(const std::string& show) {
  bool is_on = false;
  const RowSink sink = [&](const Row& row) {
    is_on = row.Bytes(1) == "ON";
    return false;
  };
  Queue(show, {.rows = &sink});
  KUBASE_TRY(Run());
  return is_on;
}

std::string MysqlSession::server_version() const {
  return mysql_get_server_info(connection_.get());
}

void MysqlSession::Queue(std::string text, const StatementSink& sink) {
  queued_.push_back({std::move(text), sink});
}

Result<void> MysqlSession::Run() {
  const std::vector<Queued> queued = std::exchange(queued_, {});
  AnswerTimes times;
  size_t first = 0;
  while (first < queued.size()) {
    size_t last = first + 1, bytes = queued[first].text.size();
    while (last < queued.size() && bytes + queued[last].text.size() < kTextBytesMax) {
      bytes += queued[last++].text.size();
    }
    KUBASE_TRY(RunSome(queued, first, last, times));
    first = last;
  }
  return Ok();
}

Result<void> MysqlSession::RunSome(const std::vector<Queued>& queued, size_t first, size_t last,
                                   AnswerTimes& times) {
  std::string text;
  for (size_t i = first; i < last; ++i) {
    if (i > first) text += ';';
    text += queued[i].text;
  }
  if (mysql_real_query(connection_.get(), text.data(), text.size()) != 0) {
    return Refused(queued[first].sink, times);
  }
  for (size_t i = first; i < last; ++i) {
    if (!Take(queued[i].sink)) return Refused(queued[i].sink, times);
    times.Note(queued[i].sink);
    const int more = mysql_next_result(connection_.get());
    if (more > 0) return Refused(queued[i + 1].sink, times);
    if ((more == 0) == (i + 1 < last)) continue;
    broken_ = true;
    return Error{ErrorCode::kUnavailable, "MariaDB: the server's answers are out of step"};
  }
  return Ok();
}

bool MysqlSession::Take(const StatementSink& sink) {
  const std::unique_ptr<MYSQL_RES, Free> result(mysql_use_result(connection_.get()));
  if (result == nullptr) {
    if (mysql_field_count(connection_.get()) != 0) return false;
    if (sink.changed != nullptr) {
      *sink.changed = static_cast<int64_t>(mysql_affected_rows(connection_.get()));
    }
    return true;
  }
  bool wanted = sink.rows != nullptr;
  while (const MYSQL_ROW row = mysql_fetch_row(result.get())) {
    if (sink.answer != nullptr) ++sink.answer->rows;
    if (!wanted) continue;
    wanted = (*sink.rows)(MysqlRow(row, mysql_fetch_lengths(result.get())));
  }
  return mysql_errno(connection_.get()) == 0;
}

Error MysqlSession::Refused(const StatementSink& sink, AnswerTimes& times) {
  Error error = LastError();
  if (!broken_) times.Note(sink, error);
  return error;
}

int MysqlSession::socket() const {
  return static_cast<int>(mysql_get_socket(connection_.get()));
}

bool MysqlSession::IsAlive() {
  if (broken_ || read_only_) return false;
  pollfd polled{.fd = socket(), .events = POLLIN, .revents = 0};
  // The server says nothing unasked but that it closes.
  return ::poll(&polled, 1, 0) == 0;
}

Error MysqlSession::LastError() {
  const unsigned int number = mysql_errno(connection_.get());
  broken_ = broken_ || (number >= CR_MIN_ERROR && number <= CR_MYSQL_LAST_ERROR) ||
            number == ER_SERVER_SHUTDOWN || number == ER_CONNECTION_KILLED ||
            number == ER_UNKNOWN_COM_ERROR ||  // a node that has left its cluster
            // It may have been committed on other nodes.
            number == ER_ERROR_DURING_COMMIT || number == ER_QUERY_INTERRUPTED;
  read_only_ = read_only_ || number == ER_OPTION_PREVENTS_STATEMENT || number == ER_READ_ONLY_MODE;
  return ClassifyMysql(number, mysql_error(connection_.get()));
}

}  // namespace kubase::sql
