// A preview from the store of a running kubase to the terminal.
#include <catch2/catch.hpp>
#include <future>
#include <utility>

#include "launcher/live_preview.h"
#include "launcher/preview_table.h"
#include "launcher/test_directory.h"
#include "launcher/test_storage.h"

namespace kubase::launcher {
namespace {

void Put(Storage& storage, const std::string& key, const std::string& value) {
  std::promise<bool> put;
  storage.store().Put({.key = key, .value = value},
                      [&](const auto& done) { put.set_value(done.ok()); });
  REQUIRE(put.get_future().get());
}

TEST_CASE("Preview: from the store to the terminal") {
  const TestDirectory directory;
  const SystemClock clock;
  const auto log = LogTo([](LogLevel, const std::string&) {});
  prometheus::Registry registry;
  const auto storage = OpenTestStorage(directory.path() / "x.db", registry, clock, *log);
  Put(*storage, "/registry/configmaps/a/owner", R"({"metadata":{"uid":"o"}})");
  Put(*storage, "/registry/secrets/a/child",
      R"({"metadata":{"uid":"c","ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap",)"
      R"("name":"owner","uid":"o"}]}})");
  LivePreview previews(*storage);
  const auto preview =
      previews.ReadPreview({.kind = "configmap", .name = "owner", .name_space = "a"});
  REQUIRE(preview.ok());
  CHECK(RenderPreviewTable(*preview) ==
        "OUTCOME  OBJECT             BY                       WHY\n"
        "deleted  ConfigMap a/owner  the request              is to be deleted\n"
        "deleted  Secret a/child     kube-controller-manager  owner ConfigMap a/owner goes\n"
        "2 deleted, 0 blocked, 0 orphaned, 0 detached, 0 left alone\n");
  const auto orphaning = previews.ReadPreview({.kind = "configmap",
                                               .name = "owner",
                                               .name_space = "a",
                                               .cascade = web::Cascade::kOrphan,
                                               .limit = 1});
  REQUIRE(orphaning.ok());
  CHECK(RenderPreviewTable(*orphaning) ==
        "OUTCOME  OBJECT             BY                       WHY\n"
        "deleted  ConfigMap a/owner  kube-controller-manager  is to be deleted\n"
        "… and 1 more; --limit shows more of them\n"
        "1 deleted, 0 blocked, 1 orphaned, 0 detached, 0 left alone\n");
  const auto none = previews.ReadPreview({.kind = "configmap", .name = "owner"});
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().message == "there is no ConfigMap default/owner");
}

}  // namespace
}  // namespace kubase::launcher
