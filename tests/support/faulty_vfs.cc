// The C interface of a SQLite file system, and the disk behind it.
#include "tests/support/faulty_vfs.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>

namespace kubase::testing {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSectorBytes = 512;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

// SQLite allocates the memory of it and of the real file behind it.
struct FaultyFile {
  sqlite3_file base;
  FaultyVfs* vfs;
  std::shared_ptr<FaultyVfs::Disk> disk;  // null: a file that is not watched
  sqlite3_file* real;

  static FaultyFile& Of(sqlite3_file* file) { return *reinterpret_cast<FaultyFile*>(file); }
  static sqlite3_file* Real(sqlite3_file* file) { return Of(file).real; }

  static int Close(sqlite3_file* file) {
    FaultyFile& self = Of(file);
    const int code = self.real->pMethods->xClose(self.real);
    self.~FaultyFile();
    return code;
  }
  static int Read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
    if (const int code = Of(file).vfs->Meet(DiskCall::kRead); code != SQLITE_OK) return code;
    return Real(file)->pMethods->xRead(Real(file), to, size, offset);
  }
  static int Write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
    FaultyFile& self = Of(file);
    if (const int code = self.vfs->Meet(DiskCall::kWrite); code != SQLITE_OK) return code;
    const int code = self.real->pMethods->xWrite(self.real, from, size, offset);
    if (code == SQLITE_OK && self.disk != nullptr) {
      const std::string bytes(static_cast<const char*>(from), static_cast<size_t>(size));
      self.vfs->Record(*self.disk, {.offset = offset, .bytes = bytes});
    }
    return code;
  }
  static int Truncate(sqlite3_file* file, sqlite3_int64 size) {
    FaultyFile& self = Of(file);
    if (const int code = self.vfs->Meet(DiskCall::kTruncate); code != SQLITE_OK) return code;
    const int code = self.real->pMethods->xTruncate(self.real, size);
    if (code == SQLITE_OK && self.disk != nullptr) {
      self.vfs->Record(*self.disk, {.offset = size, .bytes = {}, .truncation = true});
    }
    return code;
  }
  static int Sync(sqlite3_file* file, int flags) {
    FaultyFile& self = Of(file);
    if (const int code = self.vfs->Meet(DiskCall::kSync); code != SQLITE_OK) {
      if (self.disk != nullptr) self.vfs->Drop(*self.disk);
      return code;
    }
    const int code = self.real->pMethods->xSync(self.real, flags);
    if (code == SQLITE_OK && self.disk != nullptr) self.vfs->Sync(*self.disk);
    return code;
  }
  static int FileSize(sqlite3_file* file, sqlite3_int64* size) {
    return Real(file)->pMethods->xFileSize(Real(file), size);
  }
  static int Lock(sqlite3_file* file, int level) {
    return Real(file)->pMethods->xLock(Real(file), level);
  }
  static int Unlock(sqlite3_file* file, int level) {
    return Real(file)->pMethods->xUnlock(Real(file), level);
  }
  static int CheckReservedLock(sqlite3_file* file, int* reserved) {
    return Real(file)->pMethods->xCheckReservedLock(Real(file), reserved);
  }
  static int FileControl(sqlite3_file* file, int operation, void* argument) {
    return Real(file)->pMethods->xFileControl(Real(file), operation, argument);
  }
  static int SectorSize(sqlite3_file* file) {
    return Real(file)->pMethods->xSectorSize(Real(file));
  }
  static int DeviceCharacteristics(sqlite3_file* file) {
    return Real(file)->pMethods->xDeviceCharacteristics(Real(file));
  }
  static int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
    return Real(file)->pMethods->xShmMap(Real(file), page, size, extend, memory);
  }
  static int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
    return Real(file)->pMethods->xShmLock(Real(file), offset, count, flags);
  }
  static void ShmBarrier(sqlite3_file* file) { Real(file)->pMethods->xShmBarrier(Real(file)); }
  static int ShmUnmap(sqlite3_file* file, int remove) {
    return Real(file)->pMethods->xShmUnmap(Real(file), remove);
  }

  // Version 2: no memory-mapped reads, which would pass the faults by.
  static constexpr sqlite3_io_methods kMethods = {2,
                                                  Close,
                                                  Read,
                                                  Write,
                                                  Truncate,
                                                  Sync,
                                                  FileSize,
                                                  Lock,
                                                  Unlock,
                                                  CheckReservedLock,
                                                  FileControl,
                                                  SectorSize,
                                                  DeviceCharacteristics,
                                                  ShmMap,
                                                  ShmLock,
                                                  ShmBarrier,
                                                  ShmUnmap,
                                                  nullptr,
                                                  nullptr};
};

FaultyVfs::FaultyVfs() : real_(sqlite3_vfs_find(nullptr)), vfs_(*real_) {
  vfs_.zName = "faulty";
  vfs_.pNext = nullptr;
  vfs_.pAppData = this;
  vfs_.szOsFile = static_cast<int>(sizeof(FaultyFile)) + real_->szOsFile;
  vfs_.xOpen = Open;
  vfs_.xDelete = Delete;
  sqlite3_vfs_register(&vfs_, 1);
}

FaultyVfs::~FaultyVfs() {
  sqlite3_vfs_unregister(&vfs_);
  sqlite3_vfs_register(real_, 1);
}

int FaultyVfs::Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
                    int* out_flags) {
  auto& self = *static_cast<FaultyVfs*>(vfs->pAppData);
  auto* opened = std::construct_at(reinterpret_cast<FaultyFile*>(file));
  opened->vfs = &self;
  opened->real = reinterpret_cast<sqlite3_file*>(opened + 1);
  if (name != nullptr && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0) {
    opened->disk = self.Find(name);
  }
  const int code = self.real_->xOpen(self.real_, name, opened->real, flags, out_flags);
  // Without methods SQLite does not close the file.
  if (code == SQLITE_OK) {
    opened->base.pMethods = &FaultyFile::kMethods;
  } else {
    opened->~FaultyFile();
  }
  return code;
}

int FaultyVfs::Delete(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  auto& self = *static_cast<FaultyVfs*>(vfs->pAppData);
  const int code = self.real_->xDelete(self.real_, name, sync_directory);
  if (code == SQLITE_OK) {
    const std::lock_guard lock(self.mutex_);
    self.disks_.erase(name);
  }
  return code;
}

void FaultyVfs::Inject(const DiskFault& fault) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
  faults_ = 0;
}

void FaultyVfs::Heal() {
  const std::lock_guard lock(mutex_);
  fault_.reset();
}

int FaultyVfs::Meet(DiskCall call) {
  std::unique_lock lock(mutex_);
  if (fault_ && fault_->call == call && fault_->meets != nullptr) {
    const std::function<bool()> meets = fault_->meets;
    lock.unlock();
    if (!meets()) return SQLITE_OK;
    lock.lock();
  }
  if (!fault_ || fault_->call != call) return SQLITE_OK;
  if (--fault_->nth > 0) return SQLITE_OK;
  const int code = fault_->code;
  ++faults_;
  if (!fault_->persistent) fault_.reset();
  return code;
}

std::shared_ptr<FaultyVfs::Disk> FaultyVfs::Find(const std::string& path) {
  const std::lock_guard lock(mutex_);
  auto& disk = disks_[path];
  if (disk == nullptr)
    disk = std::make_shared<Disk>(Disk{.synced = ReadFile(path), .unsynced = {}});
  return disk;
}

void FaultyVfs::Record(Disk& disk, Change change) {
  const std::lock_guard lock(mutex_);
  disk.unsynced.push_back(std::move(change));
}

void FaultyVfs::Sync(Disk& disk) {
  const std::lock_guard lock(mutex_);
  for (const Change& change : disk.unsynced) Apply(change, disk.synced);
  disk.unsynced.clear();
}

void FaultyVfs::Drop(Disk& disk) {
  const std::lock_guard lock(mutex_);
  disk.unsynced.clear();
}

void FaultyVfs::Apply(const Change& change, std::string& content) {
  const auto offset = static_cast<size_t>(change.offset);
  if (change.truncation) {
    content.resize(offset);
    return;
  }
  content.resize(std::max(content.size(), offset + change.bytes.size()));
  content.replace(offset, change.bytes.size(), change.bytes);
}

void FaultyVfs::WriteCrashImage(const fs::path& from, const fs::path& to, double survival,
                                std::mt19937_64& random) {
  std::bernoulli_distribution survives(survival);
  const std::lock_guard lock(mutex_);
  for (const auto& [path, disk] : disks_) {
    if (fs::path(path).parent_path() != from) continue;
    std::string content = disk->synced;
    for (const Change& change : disk->unsynced) {
      if (change.truncation && survives(random)) Apply(change, content);
      const auto size = static_cast<int64_t>(change.bytes.size());
      for (int64_t at = 0; at < size;) {
        const int64_t end = ((change.offset + at) / kSectorBytes + 1) * kSectorBytes;
        const int64_t length = std::min(size - at, end - change.offset - at);
        const auto sector =
            change.bytes.substr(static_cast<size_t>(at), static_cast<size_t>(length));
        if (survives(random)) Apply({.offset = change.offset + at, .bytes = sector}, content);
        at += length;
      }
    }
    std::ofstream(to / fs::path(path).filename(), std::ios::binary) << content;
  }
}

void FaultyVfs::WriteKillImage(const fs::path& from, const fs::path& to) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::shared_ptr<Disk>> copies;
  for (const auto& [path, disk] : disks_) {
    if (fs::path(path).parent_path() != from) continue;
    const fs::path copy = to / fs::path(path).filename();
    fs::copy_file(path, copy);
    copies[copy.string()] = std::make_shared<Disk>(*disk);
  }
  disks_.merge(copies);
}

}  // namespace kubase::testing
