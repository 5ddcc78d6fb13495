// OwnerIndex: which objects name an object as their owner.
//
// A row for each owner that an object names, in the transaction of the object's change; only of
// what is there now. Objects that cannot be read, and Events, which the collector of
// kube-controller-manager ignores as well, are nobody's dependents.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shim/base/result.h"
#include "shim/collect/object_metadata.h"
#include "shim/sql/database.h"
#include "shim/store/types.h"

namespace kubase::store {

// Of a dependent and its reference; added up they are `traits` of a row. The label is the highest,
// so that those with it are one range.
enum DependentTrait : int64_t {
  kBlocks = 1,          // blockOwnerDeletion
  kWaitsForOwn = 2,     // it is being deleted in the foreground
  kSkipsCaching = 4,    // it has the label
  kDependentTraits = 8  // one above all of them
};

struct Dependent {
  int64_t traits = 0;
  std::string key;
};

// Whether objects with this key are collected and can be dependents.
bool IsCollected(std::string_view key);

// The rows that an object has for its owners, each once, sorted.
struct OwnerRow {
  std::string owner;  // UID
  int64_t traits = 0;

  auto operator<=>(const OwnerRow&) const = default;
};
// No object has a longer UID: kube-apiserver makes them.
inline constexpr size_t kOwnerUidBytesMax = 512;
std::vector<OwnerRow> OwnerRowsOf(const collect::ObjectMetadata& object);

// The highest traits that any dependent of an owner has, by the owner's UID; null: not known.
// Owners without dependents have kNoDependents.
using HighestTraits = std::unordered_map<std::string, std::optional<int64_t>>;
inline constexpr int64_t kNoDependents = -1;

// Errors of all: those of the database. The write transaction is the caller's.
Result<void> AddOwnerRows(sql::Connection& connection, const std::string& key,
                          const std::vector<OwnerRow>& rows);
// Whether all are there.
Result<bool> HasOwnerRows(sql::Connection& connection, const std::string& key,
                          const std::vector<OwnerRow>& rows);
// Of these owners, in one round trip.
Result<HighestTraits> ReadHighestTraits(sql::Connection& connection,
                                        const std::vector<std::string>& owners);
Result<void> AddOwnersOf(sql::Connection& connection, const KeyValue& object);
Result<void> DeleteOwnerRows(sql::Connection& connection, const std::string& key,
                             const std::vector<OwnerRow>& rows);

// Those after `after`, at most `limit`, in the order of traits and key.
Result<std::vector<Dependent>> ListDependents(sql::Connection& connection, const std::string& owner,
                                              const Dependent& after, int64_t limit);
// Before the first one.
inline const Dependent kBeforeDependents{-1, ""};

// Whether there is a dependent at all, and one with this trait.
Result<bool> HasDependent(sql::Connection& connection, const std::string& owner);
Result<bool> HasDependent(sql::Connection& connection, const std::string& owner,
                          DependentTrait trait);

}  // namespace kubase::store
