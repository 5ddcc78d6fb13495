// PreviewSource: what the deletion of an object would do, as plain values.
//
// Declared here and implemented by the launcher, as StatusSource. It tells names of objects, so it
// is asked through the unix socket only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shim/base/result.h"

namespace kubase::web {

enum class Cascade { kBackground, kForeground, kOrphan };

struct PreviewQuery {
  static constexpr int64_t kDefaultLimit = 1'000;
  static constexpr int64_t kLimitMax = 10'000;  // some megabytes of an answer

  std::string kind;  // "Shirt", "shirts", "shirts.stable.example.com"
  std::string name;
  std::string name_space = "default";
  Cascade cascade = Cascade::kBackground;
  int64_t limit = kDefaultLimit;  // of the effects that are listed
};

// What becomes of one object; words are those that people read.
struct PreviewEffect {
  std::string outcome;  // "deleted", "blocked", "orphaned", "detached", "left alone"
  std::string group;
  std::string kind;
  std::string name_space;  // "" of the cluster
  std::string name;
  std::string by;
  std::string why;
};

struct Preview {
  int64_t revision = 0;
  int64_t deleted = 0;
  int64_t blocked = 0;
  int64_t orphaned = 0;
  int64_t detached = 0;
  int64_t left_alone = 0;
  bool complete = true;  // false: there may be more than is known yet
  std::vector<PreviewEffect> effects;

  int64_t Total() const { return deleted + blocked + orphaned + detached + left_alone; }
};

// Any thread, several at once. May take as long as its own deadline.
class PreviewSource {
 public:
  virtual ~PreviewSource() = default;
  // kInvalidArgument: the query makes no sense. kNotFound: there is no such object.
  virtual Result<Preview> ReadPreview(const PreviewQuery& query) = 0;
};

}  // namespace kubase::web
