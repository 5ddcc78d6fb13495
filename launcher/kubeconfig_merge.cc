// Changes a kubeconfig of the user: under kubectl's lock, in memory, then by rename.
//
// Our entries are found by their mark (an extension with the data directory), never by name alone.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include "launcher/files.h"
#include "launcher/kubeconfig.h"
#include "launcher/kubeconfig_entries.h"
#include "launcher/yaml_document.h"
#include "shim/base/owned_fd.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = "kubase";
constexpr std::chrono::milliseconds kLockWaitForRemoval{5000};

struct Section {
  const char* list;   // "clusters"
  const char* value;  // "cluster": under this key of an entry lies what it describes
};
constexpr std::array<Section, 3> kSections = {
    {{"clusters", "cluster"}, {"users", "user"}, {"contexts", "context"}}};

// FILE.lock, made and removed as kubectl does. Whoever else holds it has a moment to finish.
class KubectlLock {
 public:
  static Result<KubectlLock> Take(const fs::path& file, std::chrono::milliseconds wait_max) {
    KubectlLock lock(file.string() + ".lock");
    const auto deadline = std::chrono::steady_clock::now() + wait_max;
    while (true) {
      const OwnedFd fd(open(lock.path_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0));
      if (fd.valid()) {
        lock.held_ = true;
        return lock;
      }
      if (errno != EEXIST) return SystemError(errno, "lock", file);
      if (std::chrono::steady_clock::now() >= deadline) break;
      // Nothing wakes us when the file goes: its owner is another program.
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{} is locked by another program: if none is changing it, remove {}",
                             file.string(), lock.path_.string())};
  }

  KubectlLock(KubectlLock&& other) noexcept
      : path_(std::move(other.path_)), held_(std::exchange(other.held_, false)) {}
  KubectlLock& operator=(KubectlLock&&) = delete;
  ~KubectlLock() {
    if (held_) unlink(path_.c_str());
  }

 private:
  explicit KubectlLock(fs::path path) : path_(std::move(path)) {}

  fs::path path_;
  bool held_ = false;
};

Error NotAKubeconfig(const fs::path& file, const std::string& why) {
  return Error{
      ErrorCode::kInvalidArgument,
      fmt::format("{} is not a kubeconfig ({}), so it was left alone: repair it, or choose "
                  "another file or none with --kubeconfig",
                  file.string(), why)};
}

std::string TextOf(const YAML::Node& node) {
  return node.IsScalar() ? node.Scalar() : "";
}

// A lookup that never adds the key, unlike that of a YAML::Node which is not const.
YAML::Node Find(const YAML::Node& map, const char* key) {
  if (!map.IsMap()) return YAML::Node();
  const YAML::Node found = map[key];
  return found.IsDefined() ? found : YAML::Node();
}

Result<void> CheckShape(const fs::path& file, const YAML::Node& document) {
  if (!document.IsMap()) return NotAKubeconfig(file, "it is no mapping");
  const std::string kind = TextOf(Find(document, "kind"));
  const std::string api_version = TextOf(Find(document, "apiVersion"));
  if ((!kind.empty() && kind != "Config") || (!api_version.empty() && api_version != "v1")) {
    return NotAKubeconfig(file, "it is another kind of object");
  }
  bool has_section = !kind.empty();
  for (const Section& section : kSections) {
    const YAML::Node list = Find(document, section.list);
    if (list.IsNull()) continue;
    has_section = true;
    if (!list.IsSequence()) return NotAKubeconfig(file, fmt::format("no list of {}", section.list));
    for (const YAML::Node& entry : list) {
      if (!entry.IsMap() || !Find(entry, "name").IsScalar()) {
        return NotAKubeconfig(file, fmt::format("one of the {} has no name", section.list));
      }
    }
  }
  if (has_section || document.size() == 0) return Ok();
  return NotAKubeconfig(file, "it has neither clusters nor users nor contexts");
}

Result<YAML::Node> ParseKubeconfig(const fs::path& file, const std::string& text) {
  const Result<YAML::Node> parsed = ParseYaml(text);
  if (!parsed.ok()) return NotAKubeconfig(file, parsed.error().message);
  if (parsed->IsNull()) {
    YAML::Node fresh(YAML::NodeType::Map);
    fresh["apiVersion"] = "v1";
    fresh["kind"] = "Config";
    return fresh;
  }
  KUBASE_TRY(CheckShape(file, *parsed));
  return *parsed;
}

// The data directory of the kubase that made the entry; empty: it is not a kubase's.
std::string MarkOf(const YAML::Node& entry, const Section& section) {
  const YAML::Node extensions = Find(Find(entry, section.value), "extensions");
  if (!extensions.IsSequence()) return {};
  for (const YAML::Node& extension : extensions) {
    if (TextOf(Find(extension, "name")) == kMark) {
      return TextOf(Find(Find(extension, "extension"), "data-dir"));
    }
  }
  return {};
}

void SetMark(YAML::Node value, const fs::path& data_dir) {
  YAML::Node mark(YAML::NodeType::Map);
  mark["name"] = kMark;
  mark["extension"]["data-dir"] = QuotedScalar(data_dir.string());
  YAML::Node extensions(YAML::NodeType::Sequence);
  const YAML::Node earlier = Find(value, "extensions");
  if (earlier.IsSequence()) {
    for (const YAML::Node& extension : earlier) {
      if (TextOf(Find(extension, "name")) != kMark) extensions.push_back(extension);
    }
  }
  extensions.push_back(mark);
  value["extensions"] = extensions;
}

// Who has an entry called `name` in any section: nobody (""), us, another kubase, or someone else.
enum class NameOwner { kNobody, kUs, kOtherKubase, kStranger };

NameOwner OwnerOfName(const YAML::Node& document, const std::string& name,
                      const std::string& data_dir) {
  NameOwner owner = NameOwner::kNobody;
  for (const Section& section : kSections) {
    for (const YAML::Node& entry : Find(document, section.list)) {
      if (TextOf(Find(entry, "name")) != name) continue;
      const std::string mark = MarkOf(entry, section);
      if (mark.empty()) return NameOwner::kStranger;
      const NameOwner found = mark == data_dir ? NameOwner::kUs : NameOwner::kOtherKubase;
      owner = std::max(owner, found);
    }
  }
  return owner;
}

Result<std::string> ChooseName(const YAML::Node& document, const MergeRequest& request) {
  const std::string data_dir = request.data_dir.string();
  const std::string second = request.name + "-" + ShortHash(data_dir).substr(0, 8);
  for (const std::string& name : {request.name, second}) {
    const NameOwner owner = OwnerOfName(document, name, data_dir);
    if (owner == NameOwner::kNobody || owner == NameOwner::kUs) return name;
    if (owner == NameOwner::kOtherKubase) continue;
    return Error{ErrorCode::kAlreadyExists,
                 fmt::format("{} already has an entry named \"{}\" that is not kubase's, so it was "
                             "left alone: rename that entry, or choose another file or none with "
                             "--kubeconfig",
                             request.file.string(), name)};
  }
  return Error{ErrorCode::kAlreadyExists,
               fmt::format("{} already has entries of other data directories named \"{}\" and "
                           "\"{}\": remove them, or choose another file or none with --kubeconfig",
                           request.file.string(), request.name, second)};
}

// Our entry of the section, wherever the user moved or renamed it to; a new one when it is missing.
YAML::Node OurEntry(YAML::Node document, const Section& section, const std::string& name,
                    const std::string& data_dir) {
  for (const YAML::Node& entry : Find(document, section.list)) {
    if (MarkOf(entry, section) == data_dir) return entry;
  }
  YAML::Node entry(YAML::NodeType::Map);
  entry["name"] = QuotedScalar(name);
  YAML::Node list = document[section.list];
  list.push_back(entry);
  return entry;
}

// Returns the name of our context.
std::string PutEntries(YAML::Node document, const MergeRequest& request, const std::string& name) {
  const std::string data_dir = request.data_dir.string();
  YAML::Node cluster = OurEntry(document, kSections[0], name, data_dir);
  YAML::Node user = OurEntry(document, kSections[1], name, data_dir);
  YAML::Node context = OurEntry(document, kSections[2], name, data_dir);
  cluster["cluster"] = ClusterNode(request.access);
  user["user"] = UserNode(request.access);
  // What the user set in our context (a namespace) stays.
  context["context"]["cluster"] = QuotedScalar(TextOf(Find(cluster, "name")));
  context["context"]["user"] = QuotedScalar(TextOf(Find(user, "name")));
  SetMark(cluster["cluster"], request.data_dir);
  SetMark(user["user"], request.data_dir);
  SetMark(context["context"], request.data_dir);
  return TextOf(Find(context, "name"));
}

// True: something was removed.
bool DropEntries(YAML::Node document, const std::string& data_dir) {
  bool removed = false;
  const std::string current = TextOf(Find(document, "current-context"));
  for (const Section& section : kSections) {
    const YAML::Node list = Find(document, section.list);
    if (!list.IsSequence()) continue;
    YAML::Node rest(YAML::NodeType::Sequence);
    for (const YAML::Node& entry : list) {
      if (MarkOf(entry, section) != data_dir) {
        rest.push_back(entry);
        continue;
      }
      removed = true;
      const bool is_context = std::string_view(section.list) == "contexts";
      if (is_context && TextOf(Find(entry, "name")) == current) {
        document["current-context"] = QuotedScalar("");
      }
    }
    document[section.list] = rest;
  }
  return removed;
}

bool HasEntries(const YAML::Node& document) {
  for (const Section& section : kSections) {
    if (Find(document, section.list).size() > 0) return true;
  }
  return false;
}

// Where the bytes are: the target of a symbolic link, so that linked dot files stay links.
fs::path Target(const fs::path& file) {
  std::error_code error;
  const fs::path resolved = fs::canonical(file, error);
  return error ? fs::absolute(file, error) : resolved;
}

Result<void> CreateParent(const fs::path& file, const std::optional<FileOwner>& owner) {
  const fs::path parent = file.parent_path();
  std::error_code error;
  if (fs::exists(parent, error)) return Ok();
  KUBASE_TRY(CreateDirectory(parent, 0700));
  if (owner && lchown(parent.c_str(), owner->uid, owner->gid) != 0) {
    return SystemError(errno, "change the owner of", parent);
  }
  return Ok();
}

// errno tells why not.
bool MayAccess(const fs::path& path, int mode) {
  return faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0;
}

struct Loaded {
  YAML::Node document;
  FileAttributes attributes;  // to write it back with
  bool existed = false;
};

Result<Loaded> Load(const fs::path& file, const std::optional<FileOwner>& new_owner) {
  Loaded loaded;
  loaded.attributes.owner = new_owner;
  Result<std::string> text = ReadWholeFile(file);
  if (!text.ok() && text.error().code == ErrorCode::kNotFound)
    text = std::string();
  else
    loaded.existed = true;
  if (!text.ok()) return text.error();
  if (loaded.existed) {
    struct stat status {};
    if (stat(file.c_str(), &status) != 0) return SystemError(errno, "read", file);
    if (!MayAccess(file, W_OK)) return SystemError(errno, "write", file);
    loaded.attributes = {status.st_mode & 0777, FileOwner{status.st_uid, status.st_gid}};
  }
  KUBASE_ASSIGN_OR_RETURN(loaded.document, ParseKubeconfig(file, *text));
  return loaded;
}

Result<void> Save(const fs::path& file, const Loaded& loaded) {
  Result<std::string> text = EmitYaml(loaded.document);
  if (!text.ok()) return NotAKubeconfig(file, text.error().message);
  return WriteFileAtomically(file, *text, loaded.attributes);
}

// The lock and the new content are files beside the old one.
Result<void> CheckDirectoryIsWritable(const fs::path& file) {
  fs::path directory = file.parent_path();
  std::error_code error;
  while (!fs::exists(directory, error) && directory != directory.parent_path()) {
    directory = directory.parent_path();
  }
  if (!MayAccess(directory, W_OK | X_OK)) return SystemError(errno, "write", file);
  return Ok();
}

Result<void> Check(const MergeRequest& request) {
  const fs::path file = Target(request.file);
  KUBASE_TRY(CheckDirectoryIsWritable(file));
  KUBASE_ASSIGN_OR_RETURN(const Loaded loaded, Load(file, request.owner));
  const auto name = ChooseName(loaded.document, request);
  if (!name.ok()) return name.error();
  return Ok();
}

Result<MergeOutcome> Merge(const MergeRequest& request) {
  const fs::path file = Target(request.file);
  KUBASE_TRY(CreateParent(file, request.owner));
  KUBASE_ASSIGN_OR_RETURN(const KubectlLock lock, KubectlLock::Take(file, request.lock_wait_max));
  KUBASE_ASSIGN_OR_RETURN(Loaded loaded, Load(file, request.owner));
  KUBASE_ASSIGN_OR_RETURN(const std::string name, ChooseName(loaded.document, request));
  MergeOutcome outcome;
  outcome.context = PutEntries(loaded.document, request, name);
  const std::string current = TextOf(Find(loaded.document, "current-context"));
  outcome.is_current = request.switch_context || current.empty() || current == outcome.context;
  if (outcome.is_current) {
    loaded.document["current-context"] = QuotedScalar(outcome.context);
  } else {
    outcome.other_current = current;
  }
  KUBASE_TRY(Save(file, loaded));
  return outcome;
}

Result<bool> Remove(const fs::path& link, const fs::path& data_dir) {
  const fs::path file = Target(link);
  std::error_code error;
  if (!fs::exists(file, error)) return false;
  KUBASE_ASSIGN_OR_RETURN(const KubectlLock lock, KubectlLock::Take(file, kLockWaitForRemoval));
  KUBASE_ASSIGN_OR_RETURN(Loaded loaded, Load(file, std::nullopt));
  if (!DropEntries(loaded.document, data_dir.string())) return false;
  // A kubeconfig without any entry says as much as none, and `uninstall` is to leave nothing.
  if (!HasEntries(loaded.document) && !fs::is_symlink(link, error)) {
    if (unlink(file.c_str()) != 0) return SystemError(errno, "remove", file);
    return true;
  }
  KUBASE_TRY(Save(file, loaded));
  return true;
}

}  // namespace

Result<MergeOutcome> MergeContext(const MergeRequest& request) {
  try {
    return Merge(request);
  } catch (const YAML::Exception& exception) {
    return NotAKubeconfig(request.file, exception.msg);
  }
}

Result<void> CheckMergeContext(const MergeRequest& request) {
  try {
    return Check(request);
  } catch (const YAML::Exception& exception) {
    return NotAKubeconfig(request.file, exception.msg);
  }
}

Result<bool> RemoveContext(const fs::path& file, const fs::path& data_dir) {
  try {
    return Remove(file, data_dir);
  } catch (const YAML::Exception& exception) {
    return NotAKubeconfig(file, exception.msg);
  }
}

}  // namespace kubase::launcher
