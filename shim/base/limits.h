// Every bound of the shim, with its unit and its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace kubase::limits {

// etcd's defaults (embed.DefaultMaxRequestBytes, DefaultMaxTxnOps): clients and tests rely on them.
inline constexpr size_t kRequestBytesMax = 1536 * 1024;
inline constexpr size_t kGrpcOverheadBytes = 512 * 1024;
inline constexpr size_t kTxnOperationsMax = 128;

// etcd lease limits: lessor.maxLeaseTTL; the minimum is its election timeout rounded up.
inline constexpr int64_t kLeaseTtlSecondsMax = 9'000'000'000;
inline constexpr int64_t kLeaseTtlSecondsMin = 2;

// Writes that wait for the writer thread. At 15,000 writes/s a full queue is half a second of work;
// past that, refusing early is kinder than a wait that ends in the client's time-out.
inline constexpr size_t kWriteQueueMax = 8192;
// Of them, the ends of expired leases, so that clients are not refused for these when the writer
// stands still; the others come later. etcd ends 500 each time it looks, too.
inline constexpr size_t kLeasesEndingMax = 500;
// Writes that share one commit: enough to hide one fsync, small enough to keep latency even.
inline constexpr size_t kWriteBatchMax = 512;

// Reads that wait for a reader thread.
inline constexpr size_t kReadQueueMax = 8192;
// Of them, the gets that share a round trip (values of 1.5 MB each would be 96 MB), and the trips
// at a time: with 5 ms each, 50,000 gets a second.
inline constexpr size_t kGetsTogetherMax = 64;
inline constexpr int kGetTripsMax = 4;
// Threads, and connections, that read a database over a network, where they mostly wait.
inline constexpr int kRemoteReaders = 8;

// Recent events kept in memory for watchers that are a little behind.
inline constexpr size_t kWatchRingBytesMax = 32 * 1024 * 1024;
// Events read from the database at once for a watcher that is behind the ring; bytes of their
// values and again as many of what was before, but for one revision that has more.
inline constexpr int64_t kWatchCatchUpEventsMax = 1000;
inline constexpr size_t kWatchCatchUpBytesMax = 4 * 1024 * 1024;
// Bytes queued on one watch stream before its watchers pause.
inline constexpr size_t kWatchStreamBytesMax = 4 * 1024 * 1024;

// One chunk of a streamed range; etcd aims at the same (about its request limit).
inline constexpr size_t kRangeChunkBytesTarget = 1536 * 1024;

// A step of compaction between two batches of writes: as many rows as take about so long, so that
// writers hardly notice, whatever the disk and the size of the database.
inline constexpr std::chrono::milliseconds kCompactionStepTarget{2};
inline constexpr int64_t kCompactionStepRowsMin = 8;
inline constexpr int64_t kCompactionStepRowsMax = 4096;
// For a backup of which nobody has taken a part for so long, rows are not kept any more.
inline constexpr std::chrono::minutes kCompactionHoldIdleMax{10};

// A step of the collection of garbage, between two batches of writes as well. It commits, so that
// steps as short as those would be nothing but syncs.
inline constexpr std::chrono::milliseconds kCollectionStepTarget{10};
inline constexpr int64_t kCollectionStepObjectsMin = 8;
inline constexpr int64_t kCollectionStepObjectsMax = 1024;
// A step ends once it has looked at so much, and reads so many objects together.
inline constexpr size_t kCollectionStepBytesMax = 8 << 20;
inline constexpr size_t kCollectionReadsTogether = 64;
// Reasons to leave objects alone that were logged, so that each is logged once.
inline constexpr size_t kCollectorToldMax = 1000;

// Pairs kept in memory for gets and for the reads of writes: a cluster's leases, nodes and pods in
// motion, not its whole content.
inline constexpr size_t kPairCacheBytesMax = 64 * 1024 * 1024;

// What is read for the writes that wait, while those before them are committed.
inline constexpr size_t kReadAheadBytesMax = 32 * 1024 * 1024;

// Ranges whose number of keys is carried forward, and pages whose number is remembered: some
// resources in some namespaces, and the walks that are under way. Each commit pays for the former.
inline constexpr size_t kTrackedCountsMax = 128;
inline constexpr size_t kPageCountsMax = 2048;

// Names of labels and fields that the writer knows the numbers of, and values that a search by
// attributes has as alternatives of one name; what is more is filtered after reading.
inline constexpr size_t kAttributeNamesCachedMax = 16'384;
inline constexpr size_t kMatchValuesMax = 64;

// A snapshot is read and sent in parts of this size: each costs a far database some round trips,
// and with a large object behind it has to be below the 4 MB that gRPC clients take.
inline constexpr size_t kSnapshotPartBytes = 256 * 1024;

// What a restore has in memory of a snapshot, for a server that is to get more of it at a time.
inline constexpr size_t kRestoreUnsentBytesMax = 1024 * 1024;

// Faults that a check of the database tells in full; the others are counted.
inline constexpr size_t kFaultsToldMax = 20;

}  // namespace kubase::limits
