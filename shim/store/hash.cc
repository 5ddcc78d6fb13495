// The sum of the rows' hashes: it does not depend on their order, so no engine has to sort, nor on
// whether a row still lives or was superseded after the revision.
#include "shim/store/hash.h"

#include <xxhash.h>

#include "shim/store/pairs.h"

namespace kubase::store {
namespace {

uint64_t HashRow(const sql::Row& row) {
  uint64_t hash = XXH3_64bits(row.Bytes(0).data(), row.Bytes(0).size());
  hash = XXH3_64bits_withSeed(row.Bytes(1).data(), row.Bytes(1).size(), hash);
  for (int column = 2; column <= 6; ++column) {
    const int64_t number = row.Int(column);
    hash = XXH3_64bits_withSeed(&number, sizeof(number), hash);
  }
  return hash;
}

}  // namespace

Result<HashKvResponse> HashVersions(sql::Connection& connection, PublishedRevision& published,
                                    Revision revision) {
  KUBASE_ASSIGN_OR_RETURN(const ReadSnapshot snapshot, ReadSnapshot::Begin(connection, published));
  const Meta& meta = snapshot.meta();
  KUBASE_TRY(CheckReadable(revision, meta));
  HashKvResponse response{.revision = meta.revision,
                          .compact_revision = meta.compact_revision,
                          .hash_revision = revision > 0 ? revision : meta.revision};
  uint64_t sum = 0;
  const sql::Value params[] = {response.hash_revision, meta.compact_revision};
  KUBASE_TRY(connection.Select(sql::Query::kScanVersions, params, [&](const sql::Row& row) {
    sum += HashRow(row);
    return true;
  }));
  response.hash = static_cast<uint32_t>(sum ^ (sum >> 32));
  return response;
}

}  // namespace kubase::store
