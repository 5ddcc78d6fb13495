// The server is remembered last: a crash before that passes the revisions once more.
#include "shim/store/lost_revisions.h"

#include <algorithm>

#include "shim/store/in_transaction.h"

namespace kubase::store {

Result<Meta> PassLostRevisions(sql::Database& database, sql::Connection& connection,
                               Revision served, Log& log) {
  KUBASE_ASSIGN_OR_RETURN(Meta meta, ReadMeta(connection));
  KUBASE_ASSIGN_OR_RETURN(const bool other, database.IsOtherServer(connection));
  if (other || meta.revision < served) {
    const Revision stored = meta.revision;
    const Revision possible = other ? stored + kLostRevisionsMax : stored;
    // Who has seen everything so far asks for the one after it, which has to be compacted, too.
    meta.revision = meta.compact_revision = std::max(possible, served) + 2;
    KUBASE_TRY(InTransaction(connection, [&] {
      const sql::Value row[] = {meta.revision, meta.compact_revision, stored};
      return connection.ExecuteMany(sql::Query::kWriteMeta, row, 3);
    }));
    log.Warning(
        "the database may lack writes that were acknowledged, as its server took over from "
        "another; revisions go on above all that there were, and watchers list again",
        {{"stored", stored}, {"served", served}, {"revision", meta.revision}});
  }
  KUBASE_TRY(database.RememberServer(connection));
  return meta;
}

}  // namespace kubase::store
