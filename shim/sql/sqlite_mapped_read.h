// MappedRead: a disk that fails under a memory map fails one read, not the process.
//
// Readers have the database mapped: a page that the system has in its cache costs neither a call
// nor a copy. What read(2) would tell as an error, the system then tells by SIGBUS, also for a file
// that somebody has cut off. On a thread that is in a MappedRead a page of that database becomes
// one of zeros and the read is known to have failed; whatever it gave is to be thrown away, and so
// is the mapping. Every other SIGBUS ends the process as ever: SQLite maps its index of the log
// too, which all connections share, and nothing else can be made up either.
#pragma once

#include <signal.h>

#include <cstdint>

struct sqlite3_file;

namespace kubase::sql {

// The file behind a mapping by the numbers that /proc/self/maps has for it, which on some file
// systems are not those of stat. inode 0: none.
struct MappedFile {
  uint64_t device_major = 0;
  uint64_t device_minor = 0;
  uint64_t inode = 0;
  bool operator==(const MappedFile&) const = default;
};

// Of a file that SQLite has open.
MappedFile FindMapping(sqlite3_file* file);

class MappedRead {
 public:
  // Until it ends, this thread survives pages of `file` that cannot be read. Not within another
  // one.
  explicit MappedRead(MappedFile file);
  ~MappedRead();
  MappedRead(const MappedRead&) = delete;
  MappedRead& operator=(const MappedRead&) = delete;

  bool failed() const { return failed_ != 0; }

  // Before the first MappedRead; a second time is of no effect.
  static void InstallHandler();

 private:
  static void OnBusError(int signal, siginfo_t* info, void* context);
  // False: the page is none of `file_`.
  bool ReplacePage(void* address);

  const MappedFile file_;
  volatile sig_atomic_t failed_ = 0;
};

}  // namespace kubase::sql
