// The parameters of kEndAttribute and kAddAttribute.
#include "shim/store/attribute_rows.h"

#include <utility>

namespace kubase::store {

using sql::Query;

void AttributeRows::End(const std::string& key, std::string_view object_name, int64_t attribute,
                        std::string value, Revision revision) {
  keys_.insert(key);
  ended_.insert(ended_.end(),
                {revision, attribute, Keep(std::move(value)), Keep(std::string(object_name))});
}

void AttributeRows::Add(const std::string& key, std::string_view object_name, int64_t object,
                        int64_t attribute, std::string value, Revision since) {
  keys_.insert(key);
  added_.insert(added_.end(),
                {attribute, Keep(std::move(value)), Keep(std::string(object_name)), since, object});
}

Result<void> AttributeRows::Flush(sql::Connection& connection) {
  if (!ended_.empty()) KUBASE_TRY(connection.ExecuteMany(Query::kEndAttribute, ended_, 4));
  if (!added_.empty()) KUBASE_TRY(connection.ExecuteMany(Query::kAddAttribute, added_, 5));
  ended_.clear();
  added_.clear();
  keys_.clear();
  texts_.clear();
  return Ok();
}

}  // namespace kubase::store
