// MappedRead: a disk that fails under a memory map fails one read, not the process.
//
// Readers have the database mapped: a page that the system has in its cache costs neither a call
// nor a copy. What read(2) would tell as an error, the system then tells by SIGBUS, also for a file
// that somebody has cut off. On a thread that is in a MappedRead the page becomes one of zeros and
// the read is known to have failed; whatever it gave is to be thrown away, and so is the mapping.
#pragma once

namespace kubase::sql {

class MappedRead {
 public:
  // Until it ends, this thread survives. Not within another one.
  MappedRead();
  ~MappedRead();
  MappedRead(const MappedRead&) = delete;
  MappedRead& operator=(const MappedRead&) = delete;

  bool failed() const;
};

// Once in a process, before the first MappedRead. SIGBUS outside of one ends the process as ever.
void InstallMappedReadHandler();

}  // namespace kubase::sql
