// WatcherGroup: the watchers of one range, found by the values that they select.
//
// A watcher whose selector asks for one value of a label or field is listed under that value, so
// that an event costs the watchers that it may concern, not those that there are.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "shim/select/selector.h"
#include "shim/store/event_attributes.h"

namespace kubase::store {

// What a watcher is listed under.
struct DispatchKey {
  bool is_field = false;
  std::string name;
  std::string value;
};

// Null: the selector asks for no single value. Fields come first: a value of one is rarer.
std::optional<DispatchKey> DispatchKeyOf(const select::Selector& selector);

// W: a watcher, with a size_t `position` and a std::shared_ptr<const Selector> in
// `request.selector`. Not thread-safe.
template <typename W>
class WatcherGroup {
 public:
  void Add(W* watcher) {
    List& list = ListOf(*watcher);
    watcher->position = list.size();
    list.push_back(watcher);
    ++size_;
  }

  void Remove(W* watcher) {
    List& list = ListOf(*watcher);
    list.back()->position = watcher->position;
    list[watcher->position] = list.back();
    list.pop_back();
    --size_;
    if (list.empty()) DropList(*watcher);
  }

  bool empty() const { return size_ == 0; }

  // Calls `visit` once with each watcher that the event may concern.
  template <typename Visit>
  void ForEach(EventAttributes& event, const Visit& visit) const {
    for (W* watcher : others_) visit(watcher);
    for (const auto& [attribute, lists] : by_value_) VisitLists(event, attribute, lists, visit);
  }

 private:
  using List = std::vector<W*>;
  using Lists = std::unordered_map<std::string, List>;
  using Attribute = std::pair<bool, std::string>;  // whether it is a field, and its name

  List& ListOf(const W& watcher) {
    const auto key = KeyOf(watcher);
    return key ? by_value_[{key->is_field, key->name}][key->value] : others_;
  }

  void DropList(const W& watcher) {
    const auto key = KeyOf(watcher);
    if (!key) return;
    const auto lists = by_value_.find({key->is_field, key->name});
    lists->second.erase(key->value);
    if (lists->second.empty()) by_value_.erase(lists);
  }

  static std::optional<DispatchKey> KeyOf(const W& watcher) {
    if (watcher.request.selector == nullptr) return std::nullopt;
    return DispatchKeyOf(*watcher.request.selector);
  }

  template <typename Visit>
  static void VisitLists(EventAttributes& event, const Attribute& attribute, const Lists& lists,
                         const Visit& visit) {
    const std::string* visited = nullptr;
    for (const select::Attributes& pair : event.pairs()) {
      const auto& values = attribute.first ? pair.fields : pair.labels;
      const std::string* value = select::FindValue(values, attribute.second);
      // A field that is not among those of the kind cannot be told.
      if (!pair.readable || (attribute.first && value == nullptr)) {
        VisitAllBut(visited, lists, visit);
        return;
      }
      if (value == nullptr || (visited != nullptr && *visited == *value)) continue;
      visited = value;
      const auto list = lists.find(*value);
      if (list == lists.end()) continue;
      for (W* watcher : list->second) visit(watcher);
    }
  }

  template <typename Visit>
  static void VisitAllBut(const std::string* visited, const Lists& lists, const Visit& visit) {
    for (const auto& [value, list] : lists) {
      if (visited != nullptr && value == *visited) continue;
      for (W* watcher : list) visit(watcher);
    }
  }

  List others_;
  std::map<Attribute, Lists> by_value_;
  size_t size_ = 0;
};

}  // namespace kubase::store
