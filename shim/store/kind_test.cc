#include "shim/store/kind.h"

#include <catch2/catch.hpp>

namespace kubase::store {
namespace {

TEST_CASE("Kind: the layout of kube-apiserver's keys is understood") {
  CHECK(KindOfKey("/registry/pods/default/a").name == "pods");
  CHECK(KindOfKey("/registry/namespaces/default").name == "namespaces");
  CHECK(KindOfKey("/registry/stable.example.com/shirts/default/a").name ==
        "shirts.stable.example.com");
  CHECK(KindOfKey("/registry/apiregistration.k8s.io/apiservices/v1.").name ==
        "apiservices.apiregistration.k8s.io");
  CHECK(KindOfKey("/registry/services/specs/default/a").name == "services");
  CHECK(KindOfKey("/registry/services/endpoints/default/a").name == "endpoints");
  CHECK(KindOfKey("/registry/minions/a").name == "nodes");
  CHECK(KindOfKey("compact_rev_key").name == "(other)");
  CHECK(KindOfKey("/registry/health").name == "(other)");
  CHECK(KindOfKey("/registry/example.com/a").name == "(other)");  // no kind has others in it
  CHECK(KindOfKey("/registry/services/a").name == "(other)");
}

TEST_CASE("Kind: the range of a kind holds its keys and no others") {
  const KeyRange pods = KindOfKey("/registry/pods/default/a").range;
  CHECK(pods.Contains("/registry/pods/x/y"));
  CHECK_FALSE(pods.Contains("/registry/podtemplates/x/y"));
  for (const char* key : {"", "a", "/registry/health", "/registry/pods/a/b", "zzz"}) {
    CHECK(KindOfKey(key).range.Contains(key));
  }
  CHECK_FALSE(KindOfKey("!before").range.Contains("/registry/pods/a/b"));
}

TEST_CASE("Kind: the keys of a custom resource are found by its name") {
  CHECK(KindOfCustomResource("shirts.stable.example.com")->range.key ==
        "/registry/stable.example.com/shirts/");
  CHECK_FALSE(KindOfCustomResource("shirts.group"));
  CHECK_FALSE(KindOfCustomResource("shirts"));
}

}  // namespace
}  // namespace kubase::store
