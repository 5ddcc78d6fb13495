// Whom an event costs anything.
#include "shim/store/watcher_group.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <set>

namespace kubase::store {
namespace {

constexpr int kNodes = 10'000;

struct Watcher {
  struct {
    std::shared_ptr<const select::Selector> selector;
  } request;
  size_t position = 0;
};

std::shared_ptr<const select::Selector> Selector(const std::string& labels,
                                                 const std::string& fields) {
  auto selector = select::ParseSelector(labels, fields);
  REQUIRE(selector.ok());
  return std::make_shared<const select::Selector>(std::move(selector).value());
}

KeyValuePtr Pod(const std::string& node, const std::string& app = "web") {
  KeyValue pod;
  pod.key = "/registry/pods/default/p";
  pod.value = fmt::format(
      R"({{"metadata":{{"labels":{{"app":"{}"}}}},"spec":{{"nodeName":"{}"}}}})", app, node);
  return std::make_shared<const KeyValue>(std::move(pod));
}

// One watcher for each node, and some that ask for something else.
class Watchers {
 public:
  Watchers() {
    for (int i = 0; i < kNodes; ++i) Add("", fmt::format("spec.nodeName=node-{}", i));
  }

  Watcher& Add(const std::string& labels, const std::string& fields) {
    Watcher& watcher = *all_.emplace_back(std::make_unique<Watcher>());
    if (!labels.empty() || !fields.empty()) watcher.request.selector = Selector(labels, fields);
    group_.Add(&watcher);
    return watcher;
  }
  Watcher& of_node(int node) { return *all_.at(node); }
  void Remove(Watcher& watcher) { group_.Remove(&watcher); }

  // Those that an event is held against. Each comes once.
  std::set<Watcher*> Visited(const KeyValuePtr& before, const KeyValuePtr& after) const {
    const Event event{Event::Type::kPut, after, before};
    EventAttributes attributes(fields_, event);
    std::set<Watcher*> visited;
    group_.ForEach(attributes, [&](Watcher* watcher) { CHECK(visited.insert(watcher).second); });
    return visited;
  }

 private:
  const KindFields fields_;
  std::vector<std::unique_ptr<Watcher>> all_;
  WatcherGroup<Watcher> group_;
};

TEST_CASE("WatcherGroup: of ten thousand watchers an event costs those of its values") {
  Watchers watchers;
  CHECK(watchers.Visited(Pod("node-7"), Pod("node-7")) == std::set{&watchers.of_node(7)});
  CHECK(watchers.Visited(Pod("node-7"), Pod("node-8")) ==
        std::set{&watchers.of_node(7), &watchers.of_node(8)});
  CHECK(watchers.Visited(Pod(""), Pod("node-8")) == std::set{&watchers.of_node(8)});
  CHECK(watchers.Visited(Pod("elsewhere"), Pod("elsewhere")).empty());
}

TEST_CASE("WatcherGroup: what cannot be read concerns everybody") {
  Watchers watchers;
  KeyValue sealed = *Pod("node-7");
  sealed.value = "k8s:enc:aescbc:v1:key:sealed";
  const auto visited =
      watchers.Visited(Pod("node-7"), std::make_shared<const KeyValue>(std::move(sealed)));
  CHECK(visited.size() == kNodes);
}

TEST_CASE("WatcherGroup: watchers by label, by no single value, and without selector get theirs") {
  Watchers watchers;
  Watcher& web = watchers.Add("app=web", "");
  watchers.Add("app=db", "");
  Watcher& not_db = watchers.Add("app!=db", "");
  Watcher& everything = watchers.Add("", "");
  CHECK(watchers.Visited(Pod("node-1"), Pod("node-1")) ==
        std::set{&watchers.of_node(1), &web, &not_db, &everything});
  watchers.Remove(web);
  watchers.Remove(watchers.of_node(1));
  CHECK(watchers.Visited(Pod("node-1"), Pod("node-1")) == std::set{&not_db, &everything});
}

}  // namespace
}  // namespace kubase::store
