// Files are opened by the VFS beneath in memory that SQLite gives; for a log that memory holds a
// GatheringFile, which owns the real file.
#include "shim/sql/sqlite_wal_vfs.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace kubase::sql {
namespace {

// SQLite's VFS for Unix writes less than 128 KiB in one call (seekAndWriteFd in os_unix.c).
constexpr size_t kWriteMax = 0x1f000;

class GatheringFile : public sqlite3_file {
 public:
  // `real` is open, with its own memory.
  explicit GatheringFile(std::unique_ptr<char[]> real) : memory_(std::move(real)) {
    pMethods = &kMethods;
  }

 private:
  static GatheringFile& Self(sqlite3_file* file) { return *static_cast<GatheringFile*>(file); }
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(memory_.get()); }

  int Write(const char* data, int size, sqlite3_int64 offset) {
    const bool follows = offset == start_ + static_cast<sqlite3_int64>(gathered_.size());
    if (!follows || gathered_.size() + size > kWriteMax) {
      if (const int code = Flush(); code != SQLITE_OK) return code;
      start_ = offset;
    }
    gathered_.append(data, size);
    return SQLITE_OK;
  }

  // What could not be written is dropped: SQLite rolls the transaction back that it belongs to.
  int Flush() {
    if (gathered_.empty()) return SQLITE_OK;
    const int code = real()->pMethods->xWrite(real(), gathered_.data(),
                                              static_cast<int>(gathered_.size()), start_);
    start_ += static_cast<sqlite3_int64>(gathered_.size());
    gathered_.clear();
    return code;
  }

  // Runs an operation of the real file after what was gathered.
  template <typename Operation, typename... Arguments>
  static int After(sqlite3_file* file, Operation operation, Arguments... arguments) {
    GatheringFile& self = Self(file);
    if (const int code = self.Flush(); code != SQLITE_OK) return code;
    return (self.real()->pMethods->*operation)(self.real(), arguments...);
  }

  static int Close(sqlite3_file* file) {
    GatheringFile& self = Self(file);
    const int flushed = self.Flush();
    const int closed = self.real()->pMethods->xClose(self.real());
    self.~GatheringFile();
    return flushed != SQLITE_OK ? flushed : closed;
  }

  static constexpr sqlite3_io_methods kMethods = {
      .iVersion = 1,  // a log has neither shared memory nor a memory map
      .xClose = Close,
      .xRead = [](sqlite3_file* f, void* to, int n,
                  sqlite3_int64 at) { return After(f, &sqlite3_io_methods::xRead, to, n, at); },
      .xWrite =
          [](sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
            return Self(f).Write(static_cast<const char*>(from), n, at);
          },
      .xTruncate = [](sqlite3_file* f,
                      sqlite3_int64 n) { return After(f, &sqlite3_io_methods::xTruncate, n); },
      .xSync = [](sqlite3_file* f,
                  int flags) { return After(f, &sqlite3_io_methods::xSync, flags); },
      .xFileSize = [](sqlite3_file* f,
                      sqlite3_int64* n) { return After(f, &sqlite3_io_methods::xFileSize, n); },
      .xLock = [](sqlite3_file* f, int l) { return After(f, &sqlite3_io_methods::xLock, l); },
      .xUnlock = [](sqlite3_file* f, int l) { return After(f, &sqlite3_io_methods::xUnlock, l); },
      .xCheckReservedLock =
          [](sqlite3_file* f, int* held) {
            return After(f, &sqlite3_io_methods::xCheckReservedLock, held);
          },
      .xFileControl =
          [](sqlite3_file* f, int what, void* value) {
            return After(f, &sqlite3_io_methods::xFileControl, what, value);
          },
      .xSectorSize =
          [](sqlite3_file* f) {
            sqlite3_file* const real = Self(f).real();
            return real->pMethods->xSectorSize(real);
          },
      .xDeviceCharacteristics =
          [](sqlite3_file* f) {
            sqlite3_file* const real = Self(f).real();
            return real->pMethods->xDeviceCharacteristics(real);
          },
  };

  const std::unique_ptr<char[]> memory_;
  std::string gathered_;
  sqlite3_int64 start_ = 0;  // where in the file
};

}  // namespace

// A copy of the VFS beneath with that one's own data, but for opening files.
struct SqliteWalVfs::Vfs : sqlite3_vfs {
  Vfs(sqlite3_vfs* beneath, const char* name) : sqlite3_vfs(*beneath), real(beneath) {
    zName = name;
    szOsFile = std::max<int>(szOsFile, sizeof(GatheringFile));
    pNext = nullptr;
    xOpen = Open;
  }

  static int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* opened) {
    sqlite3_vfs* const real = static_cast<Vfs*>(vfs)->real;
    if ((flags & SQLITE_OPEN_WAL) == 0) return real->xOpen(real, name, file, flags, opened);
    file->pMethods = nullptr;  // not to be closed if this fails
    auto memory = std::make_unique<char[]>(real->szOsFile);
    auto* const log = reinterpret_cast<sqlite3_file*>(memory.get());
    const int code = real->xOpen(real, name, log, flags, opened);
    if (code == SQLITE_OK) {
      std::construct_at(static_cast<GatheringFile*>(file), std::move(memory));
    } else if (log->pMethods != nullptr) {
      log->pMethods->xClose(log);
    }
    return code;
  }

  sqlite3_vfs* const real;
};

SqliteWalVfs::SqliteWalVfs()
    : name_(fmt::format("kubase-wal-{}", fmt::ptr(this))),
      vfs_(std::make_unique<Vfs>(sqlite3_vfs_find(nullptr), name_.c_str())) {
  sqlite3_vfs_register(vfs_.get(), 0);
}

SqliteWalVfs::~SqliteWalVfs() {
  sqlite3_vfs_unregister(vfs_.get());
}

}  // namespace kubase::sql
