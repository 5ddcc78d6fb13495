// What the collector of kube-controller-manager may do to objects, and what is left to the storage.
#include <catch2/catch.hpp>
#include <string>

#include "shim/store/collector_fixture_test.h"

namespace kubase::store {
namespace {

Result<TxnResponse> DeleteAsCollector(Collected& store, const std::string& name) {
  TxnRequest request{.by_garbage_collector = true};
  request.success.push_back({DeleteRangeRequest{.range = {.key = Collected::KeyOf(name)}}});
  return store.Txn(std::move(request));
}

Result<TxnResponse> PutAsCollector(Collected& store, const Spec& spec) {
  TxnRequest request{.by_garbage_collector = true};
  request.success.push_back(
      {PutRequest{.key = Collected::KeyOf(spec.name), .value = TextOf(spec)}});
  return store.Txn(std::move(request));
}

TEST_CASE_METHOD(Collected, "the other collector leaves to the storage what that collects") {
  Create({.name = "owner"});
  Create({.name = "labelled"});
  Create({.name = "owned", .owners = {{"owner"}}, .labelled = false});
  Create({.name = "owns", .labelled = false});
  Create({.name = "child", .owners = {{"owns"}}});
  for (const char* const name : {"labelled", "owned", "owns"}) {
    const auto refused = DeleteAsCollector(*this, name);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::kCollectedByStorage);
    CHECK(IsThere(name));
  }
  Create({.name = "alone", .labelled = false});
  Create({.name = "dangling", .owners = {{"nobody"}}, .labelled = false});
  Create({.name = "kept", .owners = {{"alone"}}, .labelled = false});
  Create({.name = "ending", .owners = {{"alone"}}, .labelled = false, .deleting = true});
  CHECK(DeleteAsCollector(*this, "ending").ok());      // by taking its last finalizer away
  CHECK_FALSE(DeleteAsCollector(*this, "kept").ok());  // its owner is there
  CHECK(DeleteAsCollector(*this, "dangling").ok());
  CHECK(DeleteAsCollector(*this, "alone").ok());
  Settle();
  CHECK(IsThere("owned"));
  CHECK(IsThere("owns"));
}

TEST_CASE_METHOD(Collected,
                 "the other collector may take references away, but not to live owners") {
  Create({.name = "orphaning", .labelled = false, .finalizers = {"orphan"}, .deleting = true});
  Create({.name = "alive"});
  Create({.name = "child", .owners = {{"orphaning"}, {"alive"}}, .labelled = false});
  const auto put = [this](const Spec& spec) { return PutAsCollector(*this, spec).ok(); };
  CHECK_FALSE(put({.name = "child", .owners = {{"orphaning"}}, .labelled = false}));
  CHECK(put({.name = "child", .owners = {{"alive"}}, .labelled = false}));
  CHECK_FALSE(put({.name = "child", .labelled = false}));
  // What it may take is owed when it took too much at once.
  Create({.name = "half", .owners = {{"nobody"}, {"alive"}}, .labelled = false});
  CHECK_FALSE(put({.name = "half", .labelled = false}));
  Settle();
  CHECK(Read("half")->owners.size() == 1);
  Create({.name = "strange", .owners = {{.name = "x", .kind = "Unserved"}}, .labelled = false});
  CHECK(put({.name = "strange", .labelled = false}));
  // A node of its graph that it made up for an owner it does not see has no references to keep.
  Create({.name = "waiting", .finalizers = {"foregroundDeletion"}, .deleting = true});
  Create({.name = "held", .owners = {{.name = "waiting", .blocks = true}}});
  Create({.name = "between", .owners = {{"waiting"}}, .finalizers = {"example.com/hold"}});
  CHECK_FALSE(put({.name = "between", .finalizers = {"example.com/hold"}}));
}

// The node that it makes up for an owner that it does not see is not known to be deleted.
TEST_CASE_METHOD(Collected,
                 "the other collector leaves the references of what is being deleted as they are") {
  Create({.name = "stays"});
  Create({.name = "orphaning", .labelled = false, .finalizers = {"orphan"}, .deleting = true});
  Spec held{.name = "held", .finalizers = {"example.com/hold"}, .deleting = true};
  const auto put = [&](const std::vector<Reference>& owners) {
    held.owners = owners;
    return PutAsCollector(*this, held).ok();
  };
  const Reference waiting{.name = "waiting", .blocks = true};
  held.owners = {{"stays"}, waiting, {"nobody"}, {"orphaning"}};
  Create(held);
  Create({.name = "waiting", .finalizers = {"foregroundDeletion"}, .deleting = true});
  CHECK_FALSE(put({{"stays"}, {"nobody"}, {"orphaning"}}));
  CHECK_FALSE(put({{"stays"}, waiting, {"orphaning"}}));
  CHECK_FALSE(put({{"stays"}, {"waiting"}, {"nobody"}, {"orphaning"}}));  // no longer blocks
  CHECK(put({{"stays"}, waiting, {"nobody"}}));
  Settle();
  CHECK(IsThere("waiting"));
  // It sees all there is of one without the label, and takes away what has another's name as well.
  Create({.name = "other", .labelled = false});
  Spec seen{
      .name = "seen", .labelled = false, .finalizers = {"example.com/hold"}, .deleting = true};
  seen.owners = {{"other"}, {.name = "other", .uid = "of-what-leaves-orphans"}};
  Create(seen);
  seen.owners.pop_back();
  CHECK(PutAsCollector(*this, seen).ok());
}

TEST_CASE_METHOD(Collected, "the other collector deletes what an owner waited for a moment ago") {
  Create(
      {.name = "ending", .labelled = false, .finalizers = {"example.com/hold"}, .deleting = true});
  Create({.name = "child", .owners = {{"ending"}}, .labelled = false});
  CHECK(DeleteAsCollector(*this, "child").ok());
  Create({.name = "orphaning", .labelled = false, .finalizers = {"orphan"}, .deleting = true});
  Create({.name = "orphan", .owners = {{"orphaning"}}, .labelled = false});
  CHECK_FALSE(DeleteAsCollector(*this, "orphan").ok());
}

TEST_CASE_METHOD(Collected, "a storage that collects no garbage refuses and owes nothing") {
  Create({.name = "owned-before", .owners = {{.name = "x", .kind = "Unserved"}}});
  Settle();
  Close();
  Open({.collects_garbage = false});
  Create({.name = "owner"});
  Create({.name = "child", .owners = {{"owner"}}});
  Create({.name = "dangling", .owners = {{"nobody"}}});
  CHECK(DeleteAsCollector(*this, "owner").ok());
  Set("/tick", "");
  CHECK(IsThere("child"));
  CHECK(IsThere("dangling"));
  CHECK(Gauge("due") == 0);
  CHECK(DeleteAsCollector(*this, "child").ok());
  Close();
  Open();  // the index has what was written meanwhile
  Create({.name = "owner"});
  Create({.name = "child", .owners = {{"owner"}}});
  Remove("owner");
  Settle();
  CHECK_FALSE(IsThere("child"));
}

}  // namespace
}  // namespace kubase::store
