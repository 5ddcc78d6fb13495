// https://www.sqlite.org/fileformat2.html#the_write_ahead_log
#include "shim/sql/sqlite_log_pages.h"

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <string>

namespace kubase::sql {
namespace {

constexpr int kLogHeaderBytes = 32;
constexpr int kFrameHeaderBytes = 24;

uint32_t BigEndian(const unsigned char* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

}  // namespace

int RewritePages(sqlite3_file* log, sqlite3_file* database, int frames) {
  unsigned char header[kLogHeaderBytes];
  int code = log->pMethods->xRead(log, header, kLogHeaderBytes, 0);
  const auto page_bytes = static_cast<int>(BigEndian(header + 8));
  const auto frame_at = [page_bytes](int64_t frame) {
    return kLogHeaderBytes + frame * (kFrameHeaderBytes + page_bytes);
  };
  std::map<uint32_t, int> last;  // frame by page
  for (int frame = 0; frame < frames && code == SQLITE_OK; ++frame) {
    code = log->pMethods->xRead(log, header, kFrameHeaderBytes, frame_at(frame));
    last[BigEndian(header)] = frame;
  }
  std::string content(code == SQLITE_OK ? page_bytes : 0, '\0');
  for (auto page = last.begin(); page != last.end() && code == SQLITE_OK; ++page) {
    code = log->pMethods->xRead(log, content.data(), page_bytes,
                                frame_at(page->second) + kFrameHeaderBytes);
    if (code != SQLITE_OK) break;
    code = database->pMethods->xWrite(database, content.data(), page_bytes,
                                      int64_t{page->first - 1} * page_bytes);
  }
  return code;
}

}  // namespace kubase::sql
