// Real directories and real locks; a second process where two processes are meant.
#include "launcher/data_dir.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "launcher/data_removal.h"
#include "launcher/files.h"
#include "launcher/kubeconfig.h"
#include "launcher/test_directory.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

const DataDirOptions kOptions{.kubase_version = "0.1.0", .free_bytes_min = 1};

DataPaths PathsIn(const TestDirectory& directory) {
  return *ResolvePaths(directory / "data", TestUser());
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void Write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST_CASE("DefaultDataDir: root, XDG, home, and none") {
  HostUser user;
  CHECK(*DefaultDataDir(user) == "/var/lib/kubase");
  user.uid = 1000;
  CHECK(DefaultDataDir(user).error().code == ErrorCode::kInvalidArgument);
  user.home = "/home/ann";
  CHECK(*DefaultDataDir(user) == "/home/ann/.local/share/kubase");
  user.variables["XDG_DATA_HOME"] = "relative";
  CHECK(*DefaultDataDir(user) == "/home/ann/.local/share/kubase");
  user.variables["XDG_DATA_HOME"] = "/data/ann";
  CHECK(*DefaultDataDir(user) == "/data/ann/kubase");
}

TEST_CASE("ResolvePaths: absolute, normal, and without a trailing slash") {
  const HostUser user = TestUser();
  const DataPaths paths = *ResolvePaths("/a/b/../c/", user);
  CHECK(paths.root == "/a/c");
  CHECK(paths.database_file == "/a/c/db/kubase.db");
  CHECK(paths.etcd_socket == "/a/c/run/etcd.sock");
  CHECK_FALSE(paths.run_dir_is_outside());
  CHECK(ResolvePaths("relative", user)->root == fs::current_path() / "relative");
}

TEST_CASE("ResolvePaths: sockets move out of a directory whose path is too long for them") {
  const std::string longer = "/" + std::string(100, 'x');
  HostUser user = TestUser();
  user.uid = 0;
  const DataPaths of_root = *ResolvePaths(longer, user);
  CHECK(of_root.run_dir == fs::path("/run/kubase") / ShortHash(longer));
  user.uid = 1000;
  CHECK(ResolvePaths(longer, user)->run_dir == "/tmp/kubase-1000-" + ShortHash(longer));
  const TestDirectory runtime;
  user.variables["XDG_RUNTIME_DIR"] = runtime.path().string();
  CHECK(ResolvePaths(longer, user)->run_dir == runtime / "kubase" / ShortHash(longer));
  CHECK(ResolvePaths(longer, user)->control_socket.string().size() <= 107);
  CHECK(ResolvePaths(longer + "y", user)->run_dir != ResolvePaths(longer, user)->run_dir);
}

TEST_CASE("DataDir: makes a private directory and says who works on it") {
  const TestDirectory directory;
  const DataPaths paths = PathsIn(directory);
  CHECK_FALSE(FindOwner(paths)->has_value());
  {
    const Result<DataDir> opened = DataDir::Open(paths, TestUser(), kOptions);
    REQUIRE(opened.ok());
    CHECK(ModeOf(paths.root) == 0700);
    CHECK(ModeOf(paths.database_dir) == 0700);
    CHECK(ModeOf(paths.kubeconfig_dir) == 0700);
    CHECK(*ReadWholeFile(paths.version_file) == "format 1\nkubase 0.1.0\n");
    CHECK(FindOwner(paths)->value() == getpid());
  }
  CHECK_FALSE(FindOwner(paths)->has_value());
}

TEST_CASE("DataDir: what a sudo caller owns can be reached by the caller") {
  const TestDirectory directory;
  HostUser user = TestUser();
  user.sudo_caller = FileOwner{1000, 1000};
  const DataPaths paths = PathsIn(directory);
  REQUIRE(DataDir::Open(paths, user, kOptions).ok());
  CHECK(ModeOf(paths.root) == 0711);
  CHECK(ModeOf(paths.kubeconfig_dir) == 0711);
  CHECK(ModeOf(paths.pki_dir) == 0700);
}

TEST_CASE("DataDir: a second kubase is refused with the pid of the first") {
  const TestDirectory directory;
  const DataPaths paths = PathsIn(directory);
  const Result<DataDir> first = DataDir::Open(paths, TestUser(), kOptions);
  REQUIRE(first.ok());
  const std::string pid = std::to_string(getpid());
  CHECK(InChild([&] {
          const Result<DataDir> second = DataDir::Open(paths, TestUser(), kOptions);
          const bool refused = !second.ok() && second.error().code == ErrorCode::kAlreadyExists &&
                               Contains(second.error().message, "process " + pid) &&
                               Contains(second.error().message, "kubase down");
          const bool found = FindOwner(paths)->value() == getppid();
          const bool kept = RemoveDataDir(paths).error().code == ErrorCode::kAlreadyExists;
          return refused && found && kept ? 0 : 1;
        }) == 0);
  CHECK(fs::exists(paths.version_file));
}

TEST_CASE("DataDir: the lock of a process that is killed is free at once") {
  const TestDirectory directory;
  const DataPaths paths = PathsIn(directory);
  CHECK(InChild([&] {
          const Result<DataDir> opened = DataDir::Open(paths, TestUser(), kOptions);
          if (opened.ok()) kill(getpid(), SIGKILL);
          return 0;
        }) == -1);
  CHECK(Contains(*ReadWholeFile(paths.lock_file), "\n"));  // its pid is still there
  CHECK_FALSE(FindOwner(paths)->has_value());
  CHECK(DataDir::Open(paths, TestUser(), kOptions).ok());
}

TEST_CASE("DataDir: children that are executed do not keep the lock") {
  const TestDirectory directory;
  const DataPaths paths = PathsIn(directory);
  pid_t child = 0;
  int gate[2];
  REQUIRE(pipe(gate) == 0);
  {
    const Result<DataDir> opened = DataDir::Open(paths, TestUser(), kOptions);
    REQUIRE(opened.ok());
    child = fork();
    if (child == 0) {
      dup2(gate[0], STDIN_FILENO);
      close(gate[0]);
      close(gate[1]);
      execl("/bin/cat", "cat", nullptr);
      _exit(127);
    }
    close(gate[0]);
    // The child answers through its own executable only after exec: wait for that.
    const fs::path image = fs::path("/proc") / std::to_string(child) / "exe";
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    std::error_code error;
    while (fs::read_symlink(image, error).filename() != "cat") {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      sched_yield();
    }
  }
  CHECK_FALSE(FindOwner(paths)->has_value());
  close(gate[1]);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
}

TEST_CASE("DataDir: refuses a file, a foreign directory and another's directory") {
  const TestDirectory directory;
  const DataPaths paths = PathsIn(directory);
  Write(paths.root, "a file");
  CHECK(DataDir::Open(paths, TestUser(), kOptions).error().code == ErrorCode::kInvalidArgument);
  CHECK(*ReadWholeFile(paths.root) == "a file");
  fs::remove(paths.root);

  Write(paths.root / "thesis.tex", "years of work");
  const Result<DataDir> foreign = DataDir::Open(paths, TestUser(), kOptions);
  REQUIRE_FALSE(foreign.ok());
  CHECK(foreign.error().code == ErrorCode::kInvalidArgument);
  CHECK(Contains(foreign.error().message, "thesis.tex"));
  CHECK_FALSE(fs::exists(paths.lock_file));
  fs::remove_all(paths.root);

  fs::create_directory(paths.root);
  HostUser other = TestUser();
  other.uid += 1;
  const Result<DataDir> owned = DataDir::Open(paths, other, kOptions);
  REQUIRE_FALSE(owned.ok());
  CHECK(owned.error().code == ErrorCode::kPermissionDenied);
}

TEST_CASE("DataDir: an unwritable place is one sentence with the fix") {
  const TestDirectory directory;
  fs::permissions(directory.path(), fs::perms(0555));
  CHECK(AsOrdinaryUser([&] {
          const DataPaths paths = PathsIn(directory);
          const Result<DataDir> opened = DataDir::Open(paths, TestUser(), kOptions);
          const bool refused = !opened.ok() &&
                               opened.error().code == ErrorCode::kPermissionDenied &&
                               Contains(opened.error().message, "--data-dir");
          return refused ? 0 : 1;
        }) == 0);
}

TEST_CASE("DataDir: a full disk is refused before anything is written to it") {
  const TestDirectory directory;
  const DataPaths paths = PathsIn(directory);
  const Result<DataDir> opened = DataDir::Open(
      paths, TestUser(), {.kubase_version = "0.1.0", .free_bytes_min = int64_t{1} << 60});
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code == ErrorCode::kNoSpace);
  CHECK(Contains(opened.error().message, "MiB"));
  CHECK_FALSE(fs::exists(paths.version_file));
}

TEST_CASE(
    "DataDir: data of a newer kubase is refused and left alone; an older version is updated") {
  const TestDirectory directory;
  const DataPaths paths = PathsIn(directory);
  REQUIRE(DataDir::Open(paths, TestUser(), kOptions).ok());
  Write(paths.version_file, "format 2\nkubase 9.0.0\n");
  CHECK(DataDir::Open(paths, TestUser(), kOptions).error().code == ErrorCode::kUnsupported);
  CHECK(*ReadWholeFile(paths.version_file) == "format 2\nkubase 9.0.0\n");
  Write(paths.version_file, "nonsense");
  CHECK(DataDir::Open(paths, TestUser(), kOptions).error().code == ErrorCode::kCorrupt);
  Write(paths.version_file, "format 1\nkubase 0.0.9\n");
  CHECK(DataDir::Open(paths, TestUser(), kOptions).ok());
  CHECK(*ReadWholeFile(paths.version_file) == "format 1\nkubase 0.1.0\n");
}

TEST_CASE("DataDir: a run directory in a shared place has to be ours alone") {
  const TestDirectory directory;
  DataPaths paths = PathsIn(directory);
  paths.run_dir = directory / "elsewhere";
  fs::create_directory(paths.run_dir);
  fs::permissions(paths.run_dir, fs::perms(0777));
  CHECK(DataDir::Open(paths, TestUser(), kOptions).error().code == ErrorCode::kPermissionDenied);
  fs::permissions(paths.run_dir, fs::perms(0700));
  CHECK(DataDir::Open(paths, TestUser(), kOptions).ok());
  CHECK(*ReadOutside(paths) ==
        std::vector<OutsidePath>{{OutsidePath::Kind::kDirectory, paths.run_dir}});
}

TEST_CASE("DataDir: what is outside is recorded once") {
  const TestDirectory directory;
  const DataPaths paths = PathsIn(directory);
  Result<DataDir> opened = DataDir::Open(paths, TestUser(), kOptions);
  REQUIRE(opened.ok());
  const OutsidePath context{OutsidePath::Kind::kKubeconfigContext, "/home/ann/.kube/config"};
  REQUIRE(opened->RecordOutside(context).ok());
  REQUIRE(opened->RecordOutside(context).ok());
  CHECK(*ReadOutside(paths) == std::vector{context});
  CHECK(opened->RecordOutside({OutsidePath::Kind::kDirectory, "/bad\xff"}).error().code ==
        ErrorCode::kInvalidArgument);
  CHECK(*ReadOutside(paths) == std::vector{context});
  Write(paths.outside_file, "{");
  CHECK(ReadOutside(paths).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("RemoveDataDir: an absent directory is success, a foreign one is refused") {
  const TestDirectory directory;
  const DataPaths paths = PathsIn(directory);
  CHECK(RemoveDataDir(paths)->removed.empty());
  Write(paths.root / "db/kubase.db", "someone else's");
  CHECK(RemoveDataDir(paths).error().code == ErrorCode::kInvalidArgument);
  CHECK(fs::exists(paths.database_file));
}

TEST_CASE("RemoveDataDir: leaves nothing, neither inside nor outside") {
  const TestDirectory directory;
  DataPaths paths = PathsIn(directory);
  paths.run_dir = directory / "elsewhere";
  paths.etcd_socket = paths.run_dir / "etcd.sock";
  const fs::path kubeconfig = directory / "home/.kube/config";
  {
    Result<DataDir> opened = DataDir::Open(paths, TestUser(), kOptions);
    REQUIRE(opened.ok());
    REQUIRE(opened->RecordOutside({OutsidePath::Kind::kKubeconfigContext, kubeconfig}).ok());
    MergeRequest request;
    request.file = kubeconfig;
    request.data_dir = paths.root;
    request.name = "kubase";
    request.access.server = "https://127.0.0.1:6443";
    REQUIRE(MergeContext(request).ok());
    for (const fs::path& file : {paths.database_file, paths.pki_dir / "ca.key", paths.etcd_socket,
                                 paths.bin_dir / "abc/kubectl", paths.log_dir / "x.log"}) {
      Write(file, "x");
    }
  }
  const Result<RemovalReport> report = RemoveDataDir(paths);
  REQUIRE(report.ok());
  CHECK(report->kept.empty());
  CHECK(report->problems.empty());
  CHECK_FALSE(fs::exists(paths.root));
  CHECK_FALSE(fs::exists(paths.run_dir));
  CHECK_FALSE(fs::exists(kubeconfig));
}

TEST_CASE("RemoveDataDir: what the user put there stays and is reported; links are not followed") {
  const TestDirectory directory;
  const DataPaths paths = PathsIn(directory);
  REQUIRE(DataDir::Open(paths, TestUser(), kOptions).ok());
  Write(paths.root / "notes.txt", "mine");
  Write(paths.database_dir / "backup.db", "mine");
  Write(directory / "photos/cat.jpg", "mine");
  fs::create_directory_symlink(directory / "photos", paths.log_dir / "photos");
  const Result<RemovalReport> report = RemoveDataDir(paths);
  REQUIRE(report.ok());
  CHECK(report->kept == std::vector<fs::path>{paths.database_dir / "backup.db",
                                              paths.root / "notes.txt", paths.database_dir});
  CHECK(fs::exists(paths.root / "notes.txt"));
  CHECK(fs::exists(paths.database_dir / "backup.db"));
  CHECK(fs::exists(directory / "photos/cat.jpg"));
  CHECK_FALSE(fs::exists(paths.pki_dir));
  CHECK_FALSE(fs::exists(paths.version_file));
}

TEST_CASE("RemoveDataDir: what cannot be removed is told, and the removal can be repeated") {
  const TestDirectory directory;
  const DataPaths paths = PathsIn(directory);
  const fs::path kubeconfig = directory / "config";
  {
    Result<DataDir> opened = DataDir::Open(paths, TestUser(), kOptions);
    REQUIRE(opened.ok());
    REQUIRE(opened->RecordOutside({OutsidePath::Kind::kKubeconfigContext, kubeconfig}).ok());
  }
  Write(kubeconfig, "this is: [not a kubeconfig");
  const Result<RemovalReport> first = RemoveDataDir(paths);
  REQUIRE(first.ok());
  REQUIRE(first->problems.size() == 1);
  CHECK(Contains(first->problems[0], "is not a kubeconfig"));
  CHECK(fs::exists(paths.version_file));
  fs::remove(kubeconfig);
  CHECK(RemoveDataDir(paths)->problems.empty());
  CHECK_FALSE(fs::exists(paths.root));
}

}  // namespace
}  // namespace kubase::launcher
