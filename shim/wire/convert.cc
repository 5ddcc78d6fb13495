// Field by field, both ways.
#include "shim/wire/convert.h"

#include <utility>

#include "shim/base/result.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

// Enum values are checked by validate.h, so the numbers are known here.
store::SortOrder OrderOf(pb::RangeRequest::SortOrder order) {
  switch (order) {
    case pb::RangeRequest::ASCEND:
      return store::SortOrder::kAscend;
    case pb::RangeRequest::DESCEND:
      return store::SortOrder::kDescend;
    default:
      return store::SortOrder::kNone;
  }
}

store::SortTarget TargetOf(pb::RangeRequest::SortTarget target) {
  switch (target) {
    case pb::RangeRequest::VERSION:
      return store::SortTarget::kVersion;
    case pb::RangeRequest::CREATE:
      return store::SortTarget::kCreate;
    case pb::RangeRequest::MOD:
      return store::SortTarget::kMod;
    case pb::RangeRequest::VALUE:
      return store::SortTarget::kValue;
    default:
      return store::SortTarget::kKey;
  }
}

store::Compare::Relation RelationOf(pb::Compare::CompareResult result) {
  switch (result) {
    case pb::Compare::GREATER:
      return store::Compare::Relation::kGreater;
    case pb::Compare::LESS:
      return store::Compare::Relation::kLess;
    case pb::Compare::NOT_EQUAL:
      return store::Compare::Relation::kNotEqual;
    default:
      return store::Compare::Relation::kEqual;
  }
}

// A union that does not fit the target counts as its zero value, as in etcd.
void FillTarget(pb::Compare& from, store::Compare& to) {
  using Target = store::Compare::Target;
  switch (from.target()) {
    case pb::Compare::CREATE:
      to.target = Target::kCreate;
      to.number = from.create_revision();
      break;
    case pb::Compare::MOD:
      to.target = Target::kMod;
      to.number = from.mod_revision();
      break;
    case pb::Compare::VALUE:
      to.target = Target::kValue;
      if (from.has_value()) to.value = std::move(*from.mutable_value());
      break;
    case pb::Compare::LEASE:
      to.target = Target::kLease;
      to.number = from.lease();
      break;
    default:
      to.target = Target::kVersion;
      to.number = from.version();
      break;
  }
}

store::KeyRange TakeRange(std::string* key, std::string* range_end) {
  return {.key = std::move(*key), .range_end = std::move(*range_end)};
}

store::Compare CompareOf(pb::Compare&& from) {
  store::Compare to;
  to.range = TakeRange(from.mutable_key(), from.mutable_range_end());
  to.relation = RelationOf(from.result());
  FillTarget(from, to);
  return to;
}

store::Operation OperationOf(pb::RequestOp&& from) {
  switch (from.request_case()) {
    case pb::RequestOp::kRequestRange:
      return {ToStore(std::move(*from.mutable_request_range()))};
    case pb::RequestOp::kRequestPut:
      return {ToStore(std::move(*from.mutable_request_put()))};
    case pb::RequestOp::kRequestDeleteRange:
      return {ToStore(std::move(*from.mutable_request_delete_range()))};
    case pb::RequestOp::kRequestTxn:
      return {ToStore(std::move(*from.mutable_request_txn()))};
    case pb::RequestOp::REQUEST_NOT_SET:
      break;
  }
  CheckFailed(__FILE__, __LINE__, "an operation that validation refuses");
}

std::vector<store::Operation> OperationsOf(
    google::protobuf::RepeatedPtrField<pb::RequestOp>* from) {
  std::vector<store::Operation> to;
  to.reserve(from->size());
  for (pb::RequestOp& operation : *from) to.push_back(OperationOf(std::move(operation)));
  return to;
}

template <typename Pairs>
void FillPairs(const std::vector<store::KeyValuePtr>& from, Pairs* to) {
  to->Reserve(static_cast<int>(from.size()));
  for (const store::KeyValuePtr& pair : from) FillKeyValue(*pair, to->Add());
}

// One part of a transaction's answer: the content, and a header with the revision alone.
template <typename From, typename To>
void FillPart(const From& from, To* to) {
  to->mutable_header()->set_revision(from.revision);
  Fill(from, to);
}

void FillOperation(const store::OperationResponse& from, pb::ResponseOp* to) {
  if (const auto* range = std::get_if<store::RangeResponse>(&from.response)) {
    FillPart(*range, to->mutable_response_range());
  } else if (const auto* put = std::get_if<store::PutResponse>(&from.response)) {
    FillPart(*put, to->mutable_response_put());
  } else if (const auto* removal = std::get_if<store::DeleteRangeResponse>(&from.response)) {
    FillPart(*removal, to->mutable_response_delete_range());
  } else {
    FillPart(std::get<store::TxnResponse>(from.response), to->mutable_response_txn());
  }
}

}  // namespace

void FillHeader(const Identity& identity, store::Revision revision, pb::ResponseHeader* header) {
  header->set_cluster_id(identity.cluster_id);
  header->set_member_id(identity.member_id);
  header->set_revision(revision);
  header->set_raft_term(kRaftTerm);
}

store::RangeRequest ToStore(pb::RangeRequest&& from) {
  store::RangeRequest to;
  to.range = TakeRange(from.mutable_key(), from.mutable_range_end());
  to.limit = from.limit();
  to.revision = from.revision();
  to.sort_order = OrderOf(from.sort_order());
  to.sort_target = TargetOf(from.sort_target());
  to.keys_only = from.keys_only();
  to.count_only = from.count_only();
  to.min_mod_revision = from.min_mod_revision();
  to.max_mod_revision = from.max_mod_revision();
  to.min_create_revision = from.min_create_revision();
  to.max_create_revision = from.max_create_revision();
  return to;
}

store::PutRequest ToStore(pb::PutRequest&& from) {
  return {.key = std::move(*from.mutable_key()),
          .value = std::move(*from.mutable_value()),
          .lease = from.lease(),
          .prev_kv = from.prev_kv(),
          .ignore_value = from.ignore_value(),
          .ignore_lease = from.ignore_lease()};
}

store::DeleteRangeRequest ToStore(pb::DeleteRangeRequest&& from) {
  return {.range = TakeRange(from.mutable_key(), from.mutable_range_end()),
          .prev_kv = from.prev_kv()};
}

store::TxnRequest ToStore(pb::TxnRequest&& from) {
  store::TxnRequest to;
  to.compares.reserve(from.compare_size());
  for (pb::Compare& compare : *from.mutable_compare()) {
    to.compares.push_back(CompareOf(std::move(compare)));
  }
  to.success = OperationsOf(from.mutable_success());
  to.failure = OperationsOf(from.mutable_failure());
  return to;
}

store::WatchRequest ToStore(pb::WatchCreateRequest&& from) {
  store::WatchRequest to;
  to.watch_id = from.watch_id();
  to.range = TakeRange(from.mutable_key(), from.mutable_range_end());
  to.start_revision = from.start_revision();
  to.prev_kv = from.prev_kv();
  to.progress_notify = from.progress_notify();
  for (int filter : from.filters()) {
    if (filter == pb::WatchCreateRequest::NOPUT) to.no_put = true;
    if (filter == pb::WatchCreateRequest::NODELETE) to.no_delete = true;
  }
  return to;
}

void FillKeyValue(const store::KeyValue& from, pb::KeyValue* to) {
  to->set_key(from.key);
  to->set_create_revision(from.create_revision);
  to->set_mod_revision(from.mod_revision);
  to->set_version(from.version);
  to->set_value(from.value);
  to->set_lease(from.lease);
}

void FillEvent(const store::Event& from, bool with_prev, pb::Event* to) {
  if (from.type == store::Event::Type::kDelete) {
    to->set_type(pb::Event::DELETE);
    to->mutable_kv()->set_key(from.kv->key);
    to->mutable_kv()->set_mod_revision(from.kv->mod_revision);
  } else {
    FillKeyValue(*from.kv, to->mutable_kv());
  }
  if (with_prev && from.prev != nullptr) FillKeyValue(*from.prev, to->mutable_prev_kv());
}

void Fill(const store::RangeResponse& from, pb::RangeResponse* to) {
  FillPairs(from.kvs, to->mutable_kvs());
  to->set_more(from.more);
  to->set_count(from.count);
}

void Fill(const store::PutResponse& from, pb::PutResponse* to) {
  if (from.prev_kv != nullptr) FillKeyValue(*from.prev_kv, to->mutable_prev_kv());
}

void Fill(const store::DeleteRangeResponse& from, pb::DeleteRangeResponse* to) {
  to->set_deleted(from.deleted);
  FillPairs(from.prev_kvs, to->mutable_prev_kvs());
}

void Fill(const store::TxnResponse& from, pb::TxnResponse* to) {
  to->set_succeeded(from.succeeded);
  for (const store::OperationResponse& part : from.responses) {
    FillOperation(part, to->add_responses());
  }
}

}  // namespace kubase::wire
