// MysqlSession: one connection of libmariadb. Private to the sql room.
//
// Statements are queued and travel together, as one text of several statements: any number of them
// costs one round trip. What they give is read by Run, in their order.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/sql/mysql.h"
#include "shim/sql/statement_sink.h"

struct st_mysql;
struct st_mysql_res;

namespace kubase::sql {

// One thread.
class MysqlSession {
 public:
  // To `database`, which may be "", on the host of number `preferred`, or on one after it, which is
  // then preferred. Errors: those of ClassifyMysql, of the last host.
  static Result<std::unique_ptr<MysqlSession>> Open(const MysqlOptions& options,
                                                    const std::string& database,
                                                    std::atomic<size_t>& preferred);
  ~MysqlSession();
  MysqlSession(const MysqlSession&) = delete;
  MysqlSession& operator=(const MysqlSession&) = delete;

  // One statement, without a semicolon at its end. Errors show in Run.
  void Queue(std::string text, const StatementSink& sink = {});
  // Sends what is queued, and waits for all that it gives. What follows a statement that fails is
  // not done. Errors: those of ClassifyMysql.
  Result<void> Run();

  // Looks whether the server has closed the connection.
  bool IsAlive();
  // Drops what is queued.
  void Forget() { queued_.clear(); }
  // It can be used no more; what was under way then may or may not have been done.
  bool broken() const { return broken_; }
  // The server has refused to write: it is the one that takes writes no more.
  bool read_only() const { return read_only_; }
  std::string server_version() const;    // "10.11.19-MariaDB-…"
  size_t host() const { return host_; }  // its number
  int socket() const;

 private:
  struct Queued {
    std::string text;
    StatementSink sink;
  };
  struct Close {
    void operator()(st_mysql* connection) const;
  };
  struct Free {
    void operator()(st_mysql_res* result) const;
  };

  explicit MysqlSession(st_mysql* connection) : connection_(connection) {}
  static Result<std::unique_ptr<MysqlSession>> OpenOn(const MysqlHost& host,
                                                      const MysqlOptions& options,
                                                      const std::string& database);
  // Settings of the session. The server has to take writes, and a node of a Galera cluster has to
  // be in step with the others.
  Result<void> Configure();
  // What a statement says that shows one setting; false as well when there is no such setting.
  Result<bool> IsOn(const std::string& show);
  Result<void> RunSome(const std::vector<Queued>& queued, size_t first, size_t last,
                       AnswerTimes& times);
  // The last error, as the answer to the statement of `sink` if the server has said so.
  Error Refused(const StatementSink& sink, AnswerTimes& times);
  // False: as the last error says.
  bool Take(const StatementSink& sink);
  Error LastError();

  std::unique_ptr<st_mysql, Close> connection_;
  size_t host_ = 0;
  std::vector<Queued> queued_;
  bool broken_ = false;
  bool read_only_ = false;
};

// A number of MariaDB's or its client's errors as one of ours; `message` is its own.
Error ClassifyMysql(unsigned int number, const std::string& message);

}  // namespace kubase::sql
