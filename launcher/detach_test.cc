// What the parent of a detached kubase makes of what comes through the pipe.
#include "launcher/detach.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <vector>

namespace kubase::launcher {
namespace {

class Recorder final : public ProgressSink {
 public:
  void Show(const ProgressEvent& event) override { events.push_back(event); }
  std::vector<ProgressEvent> events;
};

struct Pipe {
  OwnedFd reader;
  OwnedFd writer;
  Pipe() {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    reader = OwnedFd(ends[0]);
    writer = OwnedFd(ends[1]);
  }
};

TEST_CASE("FollowProgress: ends when the other process is ready") {
  Pipe pipe;
  const auto sender = MakeJsonProgress(pipe.writer.get());
  sender->Show({.kind = ProgressEvent::Kind::kDone, .step = "database"});
  sender->Show({.kind = ProgressEvent::Kind::kReady, .text = "go"});
  Recorder recorder;
  CHECK(FollowProgress(pipe.reader, recorder).ok());
  REQUIRE(recorder.events.size() == 2);
  CHECK(recorder.events[0].step == "database");
  CHECK(recorder.events[1].text == "go");
}

TEST_CASE("FollowProgress: a failure is shown and returned once the process has ended") {
  Pipe pipe;
  MakeJsonProgress(pipe.writer.get())
      ->Show({.kind = ProgressEvent::Kind::kFailed, .text = "no luck"});
  pipe.writer.Reset();
  Recorder recorder;
  const auto outcome = FollowProgress(pipe.reader, recorder);
  REQUIRE_FALSE(outcome.ok());
  CHECK(outcome.error().code == ErrorCode::kInternal);
  CHECK(outcome.error().message == "no luck");
  CHECK(recorder.events.size() == 1);
}

TEST_CASE("FollowProgress: a process that ends without a word is a failure of its own kind") {
  Pipe pipe;
  pipe.writer.Reset();
  Recorder recorder;
  const auto outcome = FollowProgress(pipe.reader, recorder);
  REQUIRE_FALSE(outcome.ok());
  CHECK(outcome.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("ForkIntoBackground: the child leads a session and reports through the pipe") {
  auto forked = ForkIntoBackground();
  REQUIRE(forked.ok());
  if (forked->child == 0) {
    const bool leads = ::getsid(0) == ::getpid();
    MakeJsonProgress(forked->pipe_end.get())
        ->Show({.kind = leads ? ProgressEvent::Kind::kReady : ProgressEvent::Kind::kFailed});
    ::_exit(0);
  }
  Recorder recorder;
  CHECK(FollowProgress(forked->pipe_end, recorder).ok());
  ::waitpid(forked->child, nullptr, 0);
}

}  // namespace
}  // namespace kubase::launcher
