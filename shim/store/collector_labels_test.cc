// Labels that are taken away from objects that the collector has to do with.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>

#include "shim/base/limits.h"
#include "shim/store/stepwise_fixture_test.h"

namespace kubase::store {
namespace {

TEST_CASE_METHOD(Stepwise, "an owner does not wait for ever for one that loses the label") {
  Create({.name = "owner", .labelled = false});
  const Reference blocked{.name = "owner", .blocks = true};
  for (int i = 0; i < 3 * limits::kCollectionStepObjectsMin; ++i) {
    Create({.name = fmt::format("child-{:02}", i), .owners = {blocked}});
  }
  Create({.name = "z", .owners = {blocked}});
  CreateAndWrite(
      {.name = "owner", .labelled = false, .finalizers = {"foregroundDeletion"}, .deleting = true},
      {{.name = "z", .owners = {blocked}, .labelled = false}});
  CHECK_FALSE(IsThere("z"));
  CHECK_FALSE(IsThere("owner"));
}

TEST_CASE_METHOD(Collected, "a label that goes is seen where an annotation has its name as well") {
  const std::string annotated =
      fmt::format(R"("metadata":{{"annotations":{{"last-applied":"{}"}},)", collect::kSkipLabel);
  const auto with_annotation = [&](const Spec& spec) {
    constexpr std::string_view kMetadata = R"("metadata":{)";
    std::string text = TextOf(spec);
    text.replace(text.find(kMetadata), kMetadata.size(), annotated);
    constexpr std::string_view kNobody = R"(,"ownerReferences":[],"finalizers":[])";
    text.erase(text.find(kNobody), kNobody.size());
    Set(KeyOf(spec.name), text);
  };
  with_annotation({.name = "owner"});
  Create({.name = "child", .owners = {{"owner"}}, .labelled = false});
  with_annotation({.name = "owner", .labelled = false});
  Remove("owner");
  Settle();
  CHECK_FALSE(IsThere("child"));
}

}  // namespace
}  // namespace kubase::store
