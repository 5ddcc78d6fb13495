#include "launcher/files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "launcher/test_directory.h"
#include "shim/base/owned_fd.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

TEST_CASE("WriteFileAtomically: content, mode and nothing beside the file") {
  const TestDirectory directory;
  const fs::path file = directory / "secret";
  REQUIRE(WriteFileAtomically(file, "one", {0600, {}}).ok());
  REQUIRE(WriteFileAtomically(file, "two", {0640, {}}).ok());
  CHECK(*ReadWholeFile(file) == "two");
  CHECK(ModeOf(file) == 0640);
  CHECK(std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("WriteFileAtomically: a failure leaves the old file and no temporary one") {
  const TestDirectory directory;
  const fs::path target = directory / "target";
  fs::create_directory(target);
  const Result<void> written = WriteFileAtomically(target, "text", {});
  REQUIRE_FALSE(written.ok());
  CHECK(written.error().message.find(target.string()) != std::string::npos);
  CHECK(fs::is_directory(target));
  CHECK(std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("WriteFileAtomically: a directory that may not be written is a permission error") {
  const TestDirectory directory;
  fs::permissions(directory.path(), fs::perms(0555));
  CHECK(AsOrdinaryUser([&] {
          const Result<void> written = WriteFileAtomically(directory / "file", "text", {});
          return !written.ok() && written.error().code == ErrorCode::kPermissionDenied ? 0 : 1;
        }) == 0);
}

TEST_CASE("WriteAll: a full disk is kNoSpace") {
  const OwnedFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  REQUIRE(full.valid());
  const Result<void> written = WriteAll(full.get(), "text", "/data/file");
  REQUIRE_FALSE(written.ok());
  CHECK(written.error().code == ErrorCode::kNoSpace);
  CHECK(written.error().message == "cannot write /data/file: No space left on device");
}

TEST_CASE("ReadWholeFile: missing, too large and not a file") {
  const TestDirectory directory;
  CHECK(ReadWholeFile(directory / "none").error().code == ErrorCode::kNotFound);
  CHECK(ReadWholeFile(directory.path()).error().code == ErrorCode::kInvalidArgument);
  REQUIRE(WriteFileAtomically(directory / "file", "12345", {}).ok());
  CHECK(ReadWholeFile(directory / "file", 4).error().code == ErrorCode::kInvalidArgument);
  CHECK(*ReadWholeFile(directory / "file", 5) == "12345");
  REQUIRE(mkfifo((directory / "pipe").c_str(), 0600) == 0);
  CHECK(ReadWholeFile(directory / "pipe").error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("CreateDirectory: the mode does not depend on the umask; a file in the way is named") {
  const TestDirectory directory;
  const mode_t before = umask(077);
  const Result<void> made = CreateDirectory(directory / "a/b", 0711);
  umask(before);
  REQUIRE(made.ok());
  CHECK(ModeOf(directory / "a/b") == 0711);
  REQUIRE(WriteFileAtomically(directory / "file", "", {}).ok());
  CHECK(CreateDirectory(directory / "file", 0700).error().code == ErrorCode::kInvalidArgument);
  CHECK_FALSE(CreateDirectory(directory / "file/below", 0700).ok());
}

TEST_CASE("ShortHash: sixteen digits that never change") {
  CHECK(ShortHash("") == "e3b0c44298fc1c14");
  CHECK(ShortHash("abc") == "ba7816bf8f01cfea");
}

}  // namespace
}  // namespace kubase::launcher
