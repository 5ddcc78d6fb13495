// FaultyVfs: a disk under SQLite that fails on demand, and whose power can be cut.
//
// It passes everything on to the real file system and keeps, for databases and their logs, what a
// disk would hold that has only synced what it was told to sync. A crash image is such a disk after
// a power cut: of what was not synced, sectors are there or missing at random, in any order.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace kubase::testing {

enum class DiskCall { kRead, kWrite, kTruncate, kSync };

struct DiskFault {
  DiskCall call;
  int64_t nth;              // counted from the injection, the first call is 1
  int code;                 // what SQLite is told: SQLITE_IOERR_FSYNC, SQLITE_FULL, ...
  bool persistent = false;  // every later call of this kind fails too
  // Whether a call is one of these; it may wait, and is asked on the thread that calls. Null: any.
  std::function<bool()> meets = nullptr;
};

// SQLite's default file system from construction to destruction. Any thread.
class FaultyVfs {
 public:
  FaultyVfs();
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  void Inject(const DiskFault& fault);
  void Heal();
  // How often the injected fault was met.
  int64_t faults() const { return faults_; }

  // Writes what a power cut at this moment would leave of every file in `from` to the directory
  // `to`, which must exist. `survival` is the chance of each unsynced sector, in [0, 1].
  void WriteCrashImage(const std::filesystem::path& from, const std::filesystem::path& to,
                       double survival, std::mt19937_64& random);
  // Copies every database file in `from` to `to` as a process that was killed leaves it: the next
  // one reads what the page cache holds, though the disk may hold less.
  void WriteKillImage(const std::filesystem::path& from, const std::filesystem::path& to);

 private:
  friend struct FaultyFile;
  struct Change {
    int64_t offset;
    std::string bytes;
    bool truncation = false;  // to `offset`
  };
  struct Disk {
    std::string synced;
    std::vector<Change> unsynced;  // oldest first
  };

  static void Apply(const Change& change, std::string& content);
  static int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
                  int* out_flags);
  static int Delete(sqlite3_vfs* vfs, const char* name, int sync_directory);

  // As Linux does after a failed fsync: pages that were not written count as clean and are lost.
  void Drop(Disk& disk);

  // SQLITE_OK, or the code of the fault that this call meets.
  int Meet(DiskCall call);
  std::shared_ptr<Disk> Find(const std::string& path);
  void Record(Disk& disk, Change change);
  void Sync(Disk& disk);

  sqlite3_vfs* const real_;
  sqlite3_vfs vfs_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Disk>> disks_;  // guarded by mutex_
  std::optional<DiskFault> fault_;                      // guarded by mutex_
  std::atomic<int64_t> faults_{0};
};

}  // namespace kubase::testing
