// SqliteWalVfs: a VFS that writes the log of a commit at once.
//
// SQLite writes each page of its write-ahead log by two calls, a header of 24 bytes and the page,
// and the commit of a batch has hundreds of them. Nobody reads them before the commit has synced
// the log (synchronous = FULL), so they can be kept until then: this VFS hands all files to the one
// beneath it, and gathers what is written to a log as long as each write follows the last. Whatever
// else is done with the file comes after that was written, and a failure to write is that of the
// operation that made it due: a log whose sync fails is not committed.
// https://www.sqlite.org/vfs.html
#pragma once

#include <memory>
#include <string>

namespace kubase::sql {

class SqliteWalVfs {
 public:
  // Over the VFS that is SQLite's default now, which must outlive this.
  SqliteWalVfs();
  ~SqliteWalVfs();  // when all files are closed
  SqliteWalVfs(const SqliteWalVfs&) = delete;
  SqliteWalVfs& operator=(const SqliteWalVfs&) = delete;

  // For sqlite3_open_v2. Any thread.
  const char* name() const { return name_.c_str(); }

 private:
  struct Vfs;

  const std::string name_;
  const std::unique_ptr<Vfs> vfs_;
};

}  // namespace kubase::sql
