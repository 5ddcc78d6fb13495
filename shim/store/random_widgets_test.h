// Random custom resources, and selectors for them.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <random>
#include <string>

#include "shim/select/selector.h"

namespace kubase::store {

class RandomWidgets {
 public:
  explicit RandomWidgets(uint32_t seed) : random_(seed) {}

  int Random(int below) { return static_cast<int>(random_() % static_cast<uint32_t>(below)); }

  // One of 75, in three namespaces.
  std::string Key() {
    return fmt::format("/registry/example.com/widgets/{}/w{:02}", "abc"[Random(3)], Random(25));
  }

  // Now and then one that cannot be read.
  std::string Value() {
    switch (Random(12)) {
      case 0:
        return "k8s:enc:aescbc:v1:secret";
      case 1:
        return R"({"metadata":{"labels":{"app":)";
      default:
        return Object();
    }
  }

  std::string Object() {
    std::string labels;
    const auto add = [&](const char* name, std::initializer_list<const char*> values) {
      const int chosen = Random(static_cast<int>(values.size()) + 1);
      if (chosen == static_cast<int>(values.size())) return;
      labels += fmt::format(R"({}"{}":"{}")", labels.empty() ? "" : ",", name,
                            *(values.begin() + chosen));
    };
    add("app", {"a", "b", "c"});
    add("tier", {"front", "back", ""});
    add("number", {"1", "7", "10", "-3", "x"});
    if (Random(20) == 0) add("rare", {"yes"});
    const char* const colors[] = {"red", "green", ""};
    return fmt::format(R"({{"metadata":{{"labels":{{{}}}}},"spec":{{"color":"{}"}}}})", labels,
                       colors[Random(3)]);
  }

  std::shared_ptr<const select::Selector> Selector() {
    const char* const labels[] = {"app=a",
                                  "app!=a",
                                  "app in (a,c)",
                                  "app notin (b,c)",
                                  "app",
                                  "!app",
                                  "tier=",
                                  "tier=front",
                                  "number>5",
                                  "number<7",
                                  "rare",
                                  "!rare",
                                  "rare=yes",
                                  "never",
                                  "!never",
                                  "never=x",
                                  "never!=x",
                                  "number in ()",
                                  "tier notin (back)",
                                  "rare!=yes"};
    const char* const fields[] = {
        "spec.color=red",    "spec.color!=red",       "spec.color=",  "metadata.namespace=b",
        "metadata.name=w03", "metadata.namespace!=a", "spec.size=big"};
    std::string label_text, field_text;
    for (int i = Random(4); i > 0; --i) {
      label_text += (label_text.empty() ? "" : ",") + std::string(labels[Random(20)]);
    }
    for (int i = Random(3); i > 0; --i) {
      field_text += (field_text.empty() ? "" : ",") + std::string(fields[Random(7)]);
    }
    auto selector = select::ParseSelector(label_text, field_text);
    if (!selector.ok()) return Selector();  // not every text is one
    return std::make_shared<const select::Selector>(std::move(selector).value());
  }

 private:
  std::mt19937 random_;
};

}  // namespace kubase::store
