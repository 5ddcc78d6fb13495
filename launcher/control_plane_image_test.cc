// A small image of a shell script stands for the control plane.
#include "launcher/control_plane_image.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <array>
#include <catch2/catch.hpp>
#include <fstream>
#include <vector>

#include "launcher/files.h"
#include "launcher/test_directory.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

constexpr const char* kScript = "#!/bin/sh\necho \"called as ${0##*/}\"\n";

std::vector<std::byte> Compress(const std::string& content) {
  std::vector<std::byte> compressed(ZSTD_compressBound(content.size()));
  compressed.resize(
      ZSTD_compress(compressed.data(), compressed.size(), content.data(), content.size(), 3));
  return compressed;
}

struct ImageFixture {
  TestDirectory directory;
  fs::path bin_dir = directory / "bin";
  std::vector<std::byte> bytes = Compress(kScript);
  ControlPlaneImage image{bytes, std::string(64, 'a')};

  // Names in bin_dir, sorted.
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(bin_dir))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
};

std::string Output(const fs::path& executable) {
  FILE* pipe = popen(executable.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 200> line{};
  const bool read = fgets(line.data(), line.size(), pipe) != nullptr;
  pclose(pipe);
  return read ? line.data() : "";
}

TEST_CASE("UnpackControlPlane: four names for one executable, unpacked once") {
  ImageFixture f;
  const Result<ControlPlaneBinaries> first = UnpackControlPlane(f.image, f.bin_dir);
  REQUIRE(first.ok());
  CHECK(first->unpacked_now);
  CHECK(Output(first->apiserver) == "called as kube-apiserver\n");
  CHECK(Output(first->controller_manager) == "called as kube-controller-manager\n");
  CHECK(Output(first->scheduler) == "called as kube-scheduler\n");
  CHECK(Output(first->kubectl) == "called as kubectl\n");
  const Result<ControlPlaneBinaries> second = UnpackControlPlane(f.image, f.bin_dir);
  REQUIRE(second.ok());
  CHECK_FALSE(second->unpacked_now);
  CHECK(second->kubectl == first->kubectl);
}

TEST_CASE("UnpackControlPlane: other contents and interrupted unpacking go, other files stay") {
  ImageFixture f;
  fs::create_directories(f.bin_dir / std::string(64, 'b'));
  fs::create_directories(f.bin_dir / ".unpacking-abc123");
  fs::create_directories(f.bin_dir / "mine");
  REQUIRE(UnpackControlPlane(f.image, f.bin_dir).ok());
  CHECK(f.Names() == std::vector<std::string>{std::string(64, 'a'), "mine"});
}

TEST_CASE("UnpackControlPlane: what is damaged on disk is unpacked again") {
  ImageFixture f;
  const fs::path directory = UnpackControlPlane(f.image, f.bin_dir)->directory;
  const auto again = [&] { return UnpackControlPlane(f.image, f.bin_dir)->unpacked_now; };
  SECTION("shorter") {
    fs::resize_file(directory / "kube-control-plane", 5);
    CHECK(again());
  }
  SECTION("changed") {
    std::ofstream(directory / "kube-control-plane") << kScript;
    fs::last_write_time(directory / "kube-control-plane",
                        fs::file_time_type::clock::now() + std::chrono::seconds(5));
    CHECK(again());
  }
  SECTION("without a name") {
    fs::remove(directory / "kubectl");
    CHECK(again());
  }
  SECTION("without its stamp, as after a crash") {
    fs::remove(directory / "unpacked");
    CHECK(again());
  }
  CHECK_FALSE(again());
  CHECK(Output(directory / "kubectl") == "called as kubectl\n");
}

TEST_CASE("UnpackControlPlane: a damaged image is told and leaves nothing") {
  ImageFixture f;
  SECTION("cut off") {
    f.image.compressed = f.image.compressed.first(f.bytes.size() - 4);
  }
  SECTION("no zstd at all") {
    f.bytes[0] = std::byte{0};
  }
  const Result<ControlPlaneBinaries> unpacked = UnpackControlPlane(f.image, f.bin_dir);
  REQUIRE_FALSE(unpacked.ok());
  CHECK(unpacked.error().code == ErrorCode::kCorrupt);
  CHECK(f.Names().empty());
}

TEST_CASE("UnpackControlPlane: a build without a control plane names the flag") {
  const TestDirectory directory;
  const Result<ControlPlaneBinaries> unpacked = UnpackControlPlane({}, directory / "bin");
  REQUIRE_FALSE(unpacked.ok());
  CHECK(unpacked.error().code == ErrorCode::kUnsupported);
  CHECK(unpacked.error().message.find("--control-plane-dir") != std::string::npos);
}

TEST_CASE("UnpackControlPlane: a long window, as the archive has it") {
  ImageFixture f;
  std::string content = std::string("#!/bin/sh\n#") + std::string(3 << 20, 'x');
  std::vector<std::byte> compressed(ZSTD_compressBound(content.size()));
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_enableLongDistanceMatching, 1);
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 27);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  // Streaming without a known size keeps the window of 2^27.
  ZSTD_inBuffer in{content.data(), content.size(), 0};
  ZSTD_outBuffer out{compressed.data(), compressed.size(), 0};
  REQUIRE(ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush) == 0);
  REQUIRE(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end) == 0);
  ZSTD_freeCCtx(context);
  compressed.resize(out.pos);
  f.image.compressed = compressed;
  const Result<ControlPlaneBinaries> unpacked = UnpackControlPlane(f.image, f.bin_dir);
  REQUIRE(unpacked.ok());
  CHECK(fs::file_size(unpacked->directory / "kube-control-plane") == content.size());
}

// Mounts a tmpfs on `where` in a namespace of its own and runs `body`; absent: not allowed here.
int OnTmpfs(const fs::path& where, unsigned long flags, const char* options,
            const std::function<int()>& body) {
  return InChild([&] {
    constexpr int kNotAllowed = 77;
    const int spaces = CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER);
    if (unshare(spaces) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", where.c_str(), "tmpfs", flags, options) != 0) {
      return kNotAllowed;
    }
    return body();
  });
}

TEST_CASE("UnpackControlPlane: a full disk and a noexec mount are told, and nothing is left") {
  ImageFixture f;
  fs::create_directory(f.bin_dir);
  const auto fails_with = [&](ErrorCode code, const char* words) {
    const Result<ControlPlaneBinaries> unpacked = UnpackControlPlane(f.image, f.bin_dir);
    const bool told = !unpacked.ok() && unpacked.error().code == code &&
                      unpacked.error().message.find(words) != std::string::npos &&
                      unpacked.error().message.find("--data-dir") != std::string::npos;
    return told && f.Names().empty() ? 0 : 1;
  };
  const int noexec = OnTmpfs(f.bin_dir, MS_NOEXEC, "size=8m",
                             [&] { return fails_with(ErrorCode::kUnsupported, "noexec"); });
  if (noexec == 77) {
    WARN("skipped: mounting is not allowed here");
    return;
  }
  CHECK(noexec == 0);
  f.bytes = Compress(std::string(20 << 20, 'x'));
  f.image.compressed = f.bytes;
  CHECK(OnTmpfs(f.bin_dir, 0, "size=8m",
                [&] { return fails_with(ErrorCode::kNoSpace, "MiB are free"); }) == 0);
}

TEST_CASE("UseControlPlaneDir: the two that matter have to be there and executable") {
  const TestDirectory directory;
  CHECK(UseControlPlaneDir(directory / "none").error().code == ErrorCode::kInvalidArgument);
  CHECK(UseControlPlaneDir(directory.path()).error().code == ErrorCode::kNotFound);
  for (const char* name : {"kube-apiserver", "kube-controller-manager"}) {
    REQUIRE(WriteFileAtomically(directory / name, kScript, {0755, {}}).ok());
  }
  const Result<ControlPlaneBinaries> binaries = UseControlPlaneDir(directory.path());
  REQUIRE(binaries.ok());
  CHECK(binaries->apiserver == directory / "kube-apiserver");
  CHECK(binaries->kubectl.empty());
  fs::permissions(directory / "kube-apiserver", fs::perms(0644));
  CHECK(UseControlPlaneDir(directory.path()).error().code == ErrorCode::kPermissionDenied);
}

}  // namespace
}  // namespace kubase::launcher
