// The pages in a write-ahead log of SQLite.
#pragma once

struct sqlite3_file;

namespace kubase::sql {

// Of each page that the first frames of the log have, writes the last to the database, as a
// checkpoint does. The frames must be committed, and nobody may start the log anew meanwhile.
// Returns SQLite's result code.
int RewritePages(sqlite3_file* log, sqlite3_file* database, int frames);

}  // namespace kubase::sql
