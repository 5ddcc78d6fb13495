// Files written so that a crash or a full disk leaves the old content or the new one, never half.
//
// Errors name the path and the cause, and never the content.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "launcher/host.h"
#include "shim/base/result.h"

namespace kubase::launcher {

struct FileAttributes {
  mode_t mode = 0600;
  std::optional<FileOwner> owner;  // absent: whoever runs this process
};

// Replaces `path`: a temporary file beside it, written, given mode and owner, synced, renamed; then
// the directory is synced. A symbolic link is replaced, not followed.
// Errors: kNoSpace, kPermissionDenied, kInvalidArgument (a directory is in the way), kInternal.
Result<void> WriteFileAtomically(const std::filesystem::path& path, std::string_view content,
                                 const FileAttributes& attributes);

// The whole file. Errors: kNotFound, kPermissionDenied, kInvalidArgument (larger than `bytes_max`,
// or not a regular file), kInternal.
Result<std::string> ReadWholeFile(const std::filesystem::path& path, size_t bytes_max = 16 << 20);

// Creates `path` and its missing parents; `path` itself gets exactly `mode`, missing parents 0755
// less the umask.
// An existing directory is left as it is. Errors as above; a file in the way is kInvalidArgument.
Result<void> CreateDirectory(const std::filesystem::path& path, mode_t mode);

// The Error of a failed system call: maps errno to a code and makes "cannot WHAT PATH: reason".
Error SystemError(int errno_value, std::string_view what, const std::filesystem::path& path);

// 16 hexadecimal digits that stand for `text` (of its SHA-256), for short names.
std::string ShortHash(std::string_view text);

// Writes all of `content` to `fd`; `path` is for the error.
Result<void> WriteAll(int fd, std::string_view content, const std::filesystem::path& path);

// Syncs a directory, so that a rename or a new name in it survives a power cut.
Result<void> SyncDirectory(const std::filesystem::path& path);

}  // namespace kubase::launcher
